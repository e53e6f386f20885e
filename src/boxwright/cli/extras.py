"""Which verb needs which extra, and when: said before any work, with the command that installs it.

`NEEDS` is the one place where this is declared; a test asks that every verb and every part of one is listed. It is read once the
words are parsed and before the verb begins, so that the same verb goes on working on plain files without the extra.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from boxwright.errors import InputError

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "data": {"pylance": "lance"},
    "train": {"torch": "torch", "onnx": "onnx", "onnxscript": "onnxscript", "safetensors": "safetensors"},
    "serve": {"starlette": "starlette", "uvicorn": "uvicorn", "httptools": "httptools", "prometheus-client": "prometheus_client"},
    "datumaro": {"datumaro": "datumaro"},
}  # fmt: skip
"""Extra to its packages, each with the module it brings; as in pyproject.toml."""

Given = Mapping[str, Any]  # parameter of a verb to what was given for it
When = Callable[[Given], bool]


def always(_given: Given) -> bool:
    """Whatever is given."""
    return True


def stored(*parameters: str) -> When:
    """Where one of these parameters stands for a dataset of the store."""
    return lambda given: any(_is_stored_dataset(given, name) for one in parameters for name in _words(given.get(one)))


def both(*conditions: When) -> When:
    """Where all of these hold."""
    return lambda given: all(condition(given) for condition in conditions)


def present(parameter: str) -> When:
    """Where this parameter was given."""
    return lambda given: bool(_words(given.get(parameter)))


def absent(parameter: str) -> When:
    """Where this parameter was not given."""
    return lambda given: not _words(given.get(parameter))


def through_datumaro(given: Given) -> bool:
    """Where `--format` asks for Datumaro."""
    return any(word.startswith("datumaro:") for word in _words(given.get("format")))


def keeps_images(given: Given) -> bool:
    """Where the store keeps images."""
    return Path(str(given.get("store") or "."), "tables", "pictures.lance").is_dir()


def has_tables(parameter: str) -> When:
    """Where the store in the folder that this parameter names has tables, which are read."""
    return lambda given: Path(str(given.get(parameter) or "."), "tables").is_dir()


_DATASET, _IMAGES = {"data": always}, {"data": keeps_images}
_TRAINING = {"data": always, "train": always}
NEEDS: Mapping[str, Mapping[str, When]] = {
    "init": {"data": stored("source"), "datumaro": through_datumaro},
    "ingest": {"data": always, "datumaro": through_datumaro},
    "check": {"data": stored("source"), "datumaro": through_datumaro},
    "convert": {"data": stored("source"), "datumaro": through_datumaro},
    "split": _DATASET,
    "split audit": {"data": stored("source")},
    "coverage": {"data": stored("source")},
    "labels guideline": {"data": stored("source")},
    "agree": {},
    "audit": {"data": stored("truth"), "train": both(stored("truth"), present("recipe"))},
    "diff": {"data": stored("before", "after")},
    "train": _TRAINING,
    "export": _TRAINING,
    "choose": _DATASET,
    "predict": {"data": stored("source")},
    "evaluate": {"data": stored("truth")},
    "compare": {"data": absent("truth")},  # two reports: the page shows the images they were judged on
    "gate": {},
    "card": {},
    "promote": {},
    "rollback": {},
    "serve": {"serve": always},
    "watch": _DATASET,  # the reference
    "review select": _DATASET,
    "review list": _IMAGES,
    "review page": _IMAGES,
    "review export": _IMAGES,
    "review push": _IMAGES,
    "review pull": _IMAGES,
    "review accept": _DATASET,  # what was reviewed is kept
    "review undo": {},
    "review close": {},
    "correct": _DATASET,
    "turn": _TRAINING,
    "show": {"data": stored("reference")},
    "lineage": {},
    "store check": {"data": has_tables("store")},
    "store copy": {"data": both(present("verify"), has_tables("source"))},
    "doctor": {},
    "demo": {"data": always, "train": always, "serve": always},
}


def guarded(command: Any, path: tuple[str, ...] = ()) -> Any:
    """The command, which now refuses to begin where an extra is missing; so do its parts.

    Args:
        command: a Click command or group, as Typer makes it.
        path: the words it is called by.
    """
    for name, part in {**getattr(command, "commands", {}), **getattr(command, "parts", {})}.items():
        guarded(part, (*path, name))
    verb = " ".join(path)
    if verb in NEEDS and command.callback is not None:
        begin = command.callback

        @functools.wraps(begin)
        def checked(**given: Any) -> Any:
            require(verb, given)
            return begin(**given)

        command.callback = checked
    return command


def require(verb: str, given: Given) -> None:
    """InputError where the verb, with what is given, needs an extra that is not installed."""
    extras = [extra for extra, when in NEEDS[verb].items() if lacking(extra) and when(given)]
    if extras:
        modules = ", ".join(module for extra in extras for module in lacking(extra))
        raise InputError(f"`boxwright {verb}` needs {modules}, not installed here: {installing(*extras)}")


def installing(*extras: str) -> str:
    """The command that installs these extras."""
    return f"pip install 'boxwright[{','.join(extras)}]'"


def lacking(extra: str) -> list[str]:
    """Modules of an extra that cannot be found."""
    return [module for module in EXTRAS[extra].values() if not is_there(module)]


def is_there(module: str) -> bool:
    """Whether a module can be found; it is not imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _words(value: Any) -> list[str]:
    if value is None or value == "" or value is False:
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _is_stored_dataset(given: Given, name: str) -> bool:
    """Whether a name stands for a dataset of the store; an unknown name is the verb's to complain about."""
    from boxwright.artifacts import Dataset  # only where something is missing
    from boxwright.errors import StoreError
    from boxwright.store import Store

    if Path(name).exists():
        return False
    store = Store(Path(str(given.get("store") or ".")))
    for reference in (name, f"dataset/{name}"):
        try:
            if store.kind_of(store.resolve(reference)) == Dataset.kind:
                return True
        except StoreError:
            continue
    return False
