"""What is installed beside Boxwright, as findings: main dependencies, extras, and a torchvision that gets in the way.

Versions come from the packages' metadata; nothing large is imported. What versions are asked for comes from Boxwright's own
metadata; run from a source tree that was never installed, packages are only looked for.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from boxwright.cli.extras import EXTRAS, installing, is_there, lacking
from boxwright.cli.findings import Finding

_MAIN = ("numpy", "numba", "pyarrow", "onnxruntime", "opencv-python-headless", "pillow", "simplejpeg", "pydantic")
_MODULES = {"opencv-python-headless": "cv2", "pillow": "PIL", "pyyaml": "yaml"}
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*)(?:;(.*))?$")
_PATIENCE_S = 60.0  # for torchvision, and torch with it, to be imported
_REMOVE = "pip uninstall torchvision"


@dataclass(frozen=True)
class Wanted:
    """A package that Boxwright asks for.

    Attributes:
        package: its name.
        versions: such as `<3,>=2.10`; empty for any.
        extra: that it belongs to; empty for the core.
    """

    package: str
    versions: str
    extra: str = ""

    def met_by(self, found: str) -> bool:
        """Whether a version is among those asked for; `>=` and `<` are understood, and nothing else is asked for here."""
        for operator, bound in re.findall(r"(>=|<)\s*([0-9.]+)", self.versions):
            newer = _release(found) >= _release(bound)
            if newer != (operator == ">="):
                return False
        return True


def wanted(of: str = "boxwright") -> list[Wanted]:
    """Packages that a distribution asks for, by its metadata; none where it is not installed."""
    try:
        lines = requires(of) or []
    except PackageNotFoundError:
        return []
    found = []
    for line in lines:
        if match := _REQUIREMENT.match(line):
            extra = re.search(r"extra == [\"']([^\"']+)", match[3] or "")
            found.append(Wanted(match[1].lower(), match[2].strip(), extra[1] if extra else ""))
    return found


def version_of(package: str) -> str | None:
    """The installed version of a package; None where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def packages() -> Finding:
    """Versions of the main dependencies."""
    found = ", ".join(f"{name} {version_of(name) or 'unknown'}" for name in _MAIN)
    bad = _unmet(one for one in wanted() if not one.extra)
    if bad:
        told = "; ".join(
            f"{one.package} {version_of(one.package) or 'is missing'}, asked for {one.versions}" for one in bad
        )
        todo = f"pip install {' '.join(repr(one.package + one.versions) for one in bad)}"
        return Finding("packages", "attention", told, todo)
    return Finding("packages", "ok", found)


def extra(name: str) -> Finding:
    """Whether an extra is here, with its versions."""
    check = f"extra {name}"
    if absent := lacking(name):
        return Finding(check, "missing", f"{', '.join(absent)} not installed", installing(name))
    found = ", ".join(f"{package} {version_of(package) or 'unknown'}" for package in EXTRAS[name])
    bad = _unmet(one for one in wanted() if one.extra == name)
    if bad:
        told = "; ".join(f"{one.package} {version_of(one.package)}, asked for {one.versions}" for one in bad)
        return Finding(check, "attention", told, installing(name))
    return Finding(check, "ok", found)


def extras() -> list[Finding]:
    """All extras."""
    return [extra(name) for name in EXTRAS]


def torchvision() -> Finding:
    """Whether a torchvision is installed that does not go with torch: `torch.onnx` imports it wherever it is found."""
    found, torch = version_of("torchvision"), version_of("torch")
    if found is None and not is_there("torchvision"):
        return Finding("torchvision", "ok", "not installed; nothing in Boxwright needs it")
    told = f"torchvision {found or 'of an unknown version'}"
    if torch is None and not is_there("torch"):
        return Finding("torchvision", "ok", f"{told}, without torch; nothing in Boxwright needs it")
    asked = next((one.versions for one in wanted("torchvision") if one.package == "torch"), "")
    exact = re.fullmatch(r"\(?==\s*([^)]+?)\)?", asked)
    if exact and torch and _release(exact[1]) != _release(torch):
        return Finding(
            "torchvision",
            "attention",
            f"{told} asks for torch {exact[1]}, and torch {torch} is installed; {_WHY}",
            _REMOVE,
        )
    if error := _import_error("torchvision"):
        return Finding("torchvision", "attention", f"{told} cannot be imported ({error}); {_WHY}", _REMOVE)
    return Finding("torchvision", "ok", f"{told} goes with torch {torch}; nothing in Boxwright needs it")


_WHY = "export to ONNX fails beside it, and nothing in Boxwright needs it"


def _import_error(module: str) -> str | None:
    """Why a module cannot be imported in a fresh process; None where it can."""
    try:
        code = f"import {module}"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done in {_PATIENCE_S:.0f} s"
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else (lines[-1] if lines else f"exit code {done.returncode}")


def _unmet(asked: Iterable[Wanted]) -> list[Wanted]:
    """Those that are not here, or in another version; a module that is here under another name of its package counts as here."""
    bad = []
    for one in asked:
        found = version_of(one.package)
        here = found is not None or is_there(_MODULES.get(one.package, one.package.replace("-", "_")))
        if not here or (found is not None and not one.met_by(found)):
            bad.append(one)
    return bad


def _release(text: str) -> tuple[int, ...]:
    """`2.13.0+cpu` as (2, 13), so that versions of unequal length compare."""
    numbers = re.match(r"\d+(?:\.\d+)*", text.strip())
    parts = [int(part) for part in numbers[0].split(".")] if numbers else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
