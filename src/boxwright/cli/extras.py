"""Verbs that need more than the core: said before any work, with the command that installs it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from boxwright.errors import InputError

_MODULES = {"train": ("torch", "onnx", "onnxscript", "safetensors", "scipy"), "data": ("lance",),
            "serve": ("starlette", "uvicorn", "prometheus_client")}  # fmt: skip
_NEEDS = {
    "ingest": ("data",), "train": ("data", "train"), "turn": ("data", "train"), "export": ("data", "train"),
    "demo": ("data", "train", "serve"), "serve": ("serve",), "choose": ("data",),
}  # fmt: skip


def require(arguments: Sequence[str]) -> None:
    """InputError where the verb of these arguments needs an extra that is not installed."""
    if not arguments or (len(arguments) < 2 and arguments[0] not in ("demo", "serve")) or "--help" in arguments:
        return
    extras = [extra for extra in _NEEDS.get(arguments[0], ()) if lacking(extra)]
    if extras:
        modules = ", ".join(module for extra in extras for module in lacking(extra))
        raise InputError(
            f"`boxwright {arguments[0]}` needs {modules}, not installed here: pip install 'boxwright[{','.join(extras)}]'."
        )


def lacking(extra: str) -> list[str]:
    """Modules of an extra that cannot be found."""
    return [module for module in _MODULES[extra] if not _is_there(module)]


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
