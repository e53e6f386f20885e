"""Whether the folders before the common end of two paths leave room for two different images.

`v1/f1.png` and `v2/f1.png` are two images although the last part agrees: videos, sites and cameras have the same frame names.
`images/a.png` and `media/upload/7/a.png` may be one: these folders are made by every tool and say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.images.names import spelled_alike

_MADE_BY_TOOLS = {
    "images", "image", "imgs", "img", "pictures", "photos", "frames", "data", "dataset", "datasets", "media", "files", "export",
    "upload", "uploads", "jpegimages", "obj_train_data", "..",
}  # fmt: skip


def folders_agree(name: str, other: str) -> bool:
    """Whether what stands before the common end is nothing, or a tool's own folders, on one side."""
    a, b = (spelled_alike(text).casefold().split("/")[:-1] for text in (name, other))
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return _says_nothing(a) or _says_nothing(b)


def _says_nothing(folders: Sequence[str]) -> bool:
    before = ("", *folders)
    return all(
        folder in _MADE_BY_TOOLS or (folder.isdigit() and last.startswith("upload"))
        for last, folder in zip(before, folders, strict=False)
    )
