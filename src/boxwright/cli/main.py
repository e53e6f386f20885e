"""The entry point: verbs in the order of the lifecycle, and what every failure looks like.

Exit code 0: done. 1: the answer is no (a gate, an alarm, a check). 2: the input is wrong, said in one sentence.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads cost ten times on a shared machine; before torch
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import typer

from boxwright import __version__
from boxwright.cli.compiling import announce_compiling
from boxwright.cli.extras import guarded
from boxwright.cli.nearest import told
from boxwright.cli.progress import begin_verb, end_verb
from boxwright.errors import BoxwrightError, NotReleasable, ParityError, TrainingError
from boxwright.plain_text import printable

VERBS = (
    "init", "ingest", "check", "convert", "split", "coverage", "labels", "agree", "audit", "diff", "train", "export",
    "choose", "predict", "evaluate", "compare", "gate", "card", "promote", "rollback", "serve",
    "watch", "review", "correct", "turn", "show", "lineage", "store", "doctor", "demo",
)  # fmt: skip
_TELL_THEMSELVES = ("serve", "demo")
_NO_KERNEL_CACHE = (
    "numba finds no folder that it can write to keep compiled kernels (beside the package, or in ~/.cache/numba); "
    "name one: export NUMBA_CACHE_DIR=/tmp/numba-cache"
)
_THE_ANSWER_IS_NO = (NotReleasable, ParityError, TrainingError)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"boxwright {__version__}")
        raise typer.Exit


def command_line(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """The command line with these verbs; a verb's file, and the rooms it needs, are imported only for it."""
    app = typer.Typer(
        help="Engineering object detectors that have to work in production.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def _options(
        version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    ) -> None:
        pass

    for verb in verbs:
        import_module(f"boxwright.cli.{verb}").add_to(app)
    return app


def main() -> None:
    """Run a verb; exit as the file's opening says."""
    announce_compiling()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a verb with these arguments; its exit code."""
    verbs = arguments[:1] if arguments and arguments[0] in VERBS else () if arguments == ["--version"] else VERBS
    try:
        result = _at_work(arguments, verbs)
        return result if isinstance(result, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("boxwright: stopped; run the same command again to go on", err=True)
        return 130
    except _THE_ANSWER_IS_NO as error:
        _tell(str(error))
        return 1
    except BoxwrightError as error:
        return _complain(str(error))
    except BrokenPipeError:
        sys.stdout = None  # type: ignore[assignment]  whoever read has left
        return 0
    except RecursionError:
        return _complain("Something in the input is nested too deeply to be read; no file that Boxwright writes is.")
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return _complain(_NO_KERNEL_CACHE)
    except OSError as error:
        return _complain(f"{error.strerror or error}: '{error.filename}'" if error.filename else str(error))
    except Exception as error:
        return _wrong_words(error)


def _at_work(arguments: list[str], verbs: Iterable[str]) -> object:
    if arguments and arguments[0] in VERBS and arguments[0] not in _TELL_THEMSELVES:
        begin_verb(arguments[0])
    try:
        command = guarded(typer.main.get_command(command_line(verbs)))
        return command(arguments, prog_name="boxwright", standalone_mode=False)
    finally:
        end_verb()


def _wrong_words(error: Exception) -> int:
    """Typer's complaints about the words given; its exception classes have moved before, so they are known by form."""
    sentence = getattr(error, "format_message", None)
    if sentence is None:
        raise error
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(sentence())
        return 2
    return _complain(told(error))


def _complain(sentence: str) -> int:
    _tell(sentence)
    return 2


def _tell(sentence: str) -> None:
    """One line on stderr; control characters from outside are written out."""
    typer.echo(f"boxwright: {printable(sentence)}", err=True)


if __name__ == "__main__":
    main()
