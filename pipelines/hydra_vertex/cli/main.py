"""The command `hydra-vertex`: parses the command line, runs one command and maps errors to exit codes.

Slow imports are postponed until a command needs them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.pipelines.local.child import sigterm_raises
from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.protocol.errors import CommandError, HydraVertexError

from .failures import UNEXPECTED, Failure, end_with, failure_of, show_failure
from .output import hide_secrets_of, take_any_character
from .reserved_stdout import reserved_stdout

COMMANDS = (
    *("check", "explain", "run", "compile", "arguments", "component", "run-pipeline", "submit", "tune", "job"),
    *("list", "status", "watch", "cancel", "best", "report", "export", "replay"),
    *("serve", "mcp", "image"),
)

JSON_OPTIONS = ("--json", "--json-lines")

_DESCRIPTION = """\
Makes a Hydra training app tunable on Vertex AI and Kubeflow Pipelines, without changes to the app.

Give the app's usual command after `--`.
"""

_EXAMPLE = """\
example:
  hydra-vertex run --search conf/hparams_search/docs.yaml --trials 12 --parallel 2 -- python train.py experiment=docs
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 2 for invalid input, 1 for a failure, 130 after Ctrl-C and SIGTERM."""
    typed = list(sys.argv[1:] if argv is None else argv)
    own, app = split_app(typed)
    take_any_character()
    hide_secrets_of(typed)
    with reserved_stdout() if _is_for_documents(own) else contextlib.nullcontext():
        return _run(own, app, typed)


def _is_for_documents(own: Sequence[str]) -> bool:
    """Whether the command prints JSON documents, and not a help text or the version."""
    words = set(own)
    return not words.isdisjoint(JSON_OPTIONS) and words.isdisjoint({"-h", "--help", "--version"})


def _run(own: Sequence[str], app: tuple[str, ...], typed: list[str]) -> int:
    arguments = _parsed(own)
    arguments.app, arguments.typed = app, typed
    try:
        with sigterm_raises():
            code: int = arguments.run(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of stdout has closed it, as `head` does.
        _discard_stdout()
        return HydraVertexError.exit_code
    except (Exception, KeyboardInterrupt) as error:
        failure = failure_of(error)
        if failure is None:
            show_failure(Failure(UNEXPECTED, f"{type(error).__name__}: {error}", HydraVertexError.exit_code))
            raise
        code = end_with(failure)
        if isinstance(error, OSError):
            _discard_stdout()
    return code


def _discard_stdout() -> None:
    """Discard the unwritten output, which the interpreter would otherwise try to write again when it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """Reports errors of the command line in one line. Options cannot be abbreviated: `_again` searches for `--out`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with code 2."""
        text = f"{one_line(message)}; see `{self.prog} --help`"
        sys.exit(end_with(Failure(CommandError.__name__, text, CommandError.exit_code)))


def split_app(argv: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Split the arguments into those of hydra-vertex and the app's command after the first `--`."""
    if SEPARATOR not in argv:
        return list(argv), ()
    at = list(argv).index(SEPARATOR)
    return list(argv[:at]), tuple(argv[at + 1 :])


def _parsed(own: Sequence[str]) -> argparse.Namespace:
    """Parse the words. The ones after an option that argparse leaves are those of a command with a list of its own."""
    parser = build_parser()
    arguments, left = parser.parse_known_args(own)
    if left and (not hasattr(arguments, "arguments") or any(word.startswith("-") for word in left)):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        arguments.arguments = [*arguments.arguments, *left]
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands. Each command's module adds its own options."""
    parser = _Parser(
        prog="hydra-vertex",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"hydra_vertex.cli.commands.{name.replace('-', '_')}").add_command(commands)
    return parser


class _ShowVersion(argparse.Action):
    """Looks up the installed version only when `--version` is given: the lookup takes some milliseconds."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version and exit."""
        from importlib.metadata import version

        print(f"{parser.prog} {version('hydra-vertex')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
