"""Parses hydra-trial's own options, which precede the app's command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from hydra_vertex.protocol.command import PROGRAM, SEPARATOR
from hydra_vertex.protocol.errors import CommandError

from .option_list import add_options
from .options import Options
from .presets import with_presets

_WIDTH = 100
_USAGE = f"""\
{PROGRAM} [option ...] -- python train.py [ARGUMENT ...]
       torchrun [option ...] -m hydra_vertex.trial [option ...] train.py [ARGUMENT ...]"""

_DESCRIPTION = """\
Runs an unmodified Hydra app as a trial of Vertex AI hyperparameter tuning: each --key=value after
the app's command becomes a Hydra override, with the key's type from the app's config. The return
value of the app's main function is reported as the trial's measurement."""

_EPILOG = f"""\
the app's command:
  python train.py ...     runs in the Python that a shell would run; it needs hydra-core, not hydra-vertex
  python -m package.app ...
  my-train ...            a Python console script, or an executable Python script
  any-program ...         starts the app: uv run, torchrun, accelerate launch, timeout, ./train.sh, make;
                          the first app below it that calls hydra.main is the trial

example:
  {PROGRAM} --metric val/loss -- python train.py experiment=docs --optimizer.lr=0.003 --model=resnet
"""


def parse_options(arguments: Sequence[str]) -> Options:
    """Parse the options up to the first `--`, a script or `-m` (the form that launchers use). Raises CommandError."""
    parser = _make_parser()
    own, app, by_launcher = _split(arguments)
    given, unknown = parser.parse_known_args(own)
    if unknown:
        raise _unknown(unknown[0])
    options = Options(
        metric=given.metric,
        monitor=tuple(given.monitor),
        aliases=tuple(given.aliases),
        sweeps=tuple(given.sweeps),
        resume_key=given.resume_key,
        hold_on_failure_s=given.hold_on_failure_s,
        own_words=given.own_words,
        untyped=given.untyped,
        explain=given.explain,
        json=given.json,
        socket=given.socket,
        executor_input=given.executor_input,
        component=given.component,
        help=given.help,
        version=given.version,
        app=with_presets(app, given.presets, given.own_words),
        by_launcher=by_launcher,
    )
    return options if options.help or options.version else _checked(options)


def help_text() -> str:
    """Return the text of `--help`."""
    return _make_parser().format_help()


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=_WIDTH)  # detecting the terminal's width would import shutil


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise, because argparse itself would print the usage and exit."""
        raise CommandError(f"{message.removeprefix('argument ')}; see {PROGRAM} --help")


_VALUED = (
    "--metric",
    "--monitor",
    "--alias",
    "--sweep",
    "--preset",
    "--resume-key",
    "--hold-on-failure",
    "--own-words",
    "--json",
    "--socket",
    "--executor_input",
    "--component",
)
_SWITCHES = ("--untyped", "--explain", "--version", "--help")


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
    )
    add_options(parser.add_argument)
    return parser


def _split(arguments: Sequence[str]) -> tuple[list[str], tuple[str, ...], bool]:
    """Split off the app's command, and return whether its form is that of launchers, without a separator.

    `--option value` is joined with `=`, because a value may begin with a dash.
    """
    own: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == SEPARATOR:
            return own, tuple(words), False
        if word == "-m" or (word.endswith(".py") and not word.startswith("--")):
            return own, ("python", word, *words), True
        name, _, value = word.partition("=")
        if value == SEPARATOR:  # argparse would drop the separator
            raise CommandError(f"{name}: expected a value, got {SEPARATOR}; see {PROGRAM} --help")
        own.append(word)
        if word in _VALUED:
            value = next(words, SEPARATOR)
            if value == SEPARATOR:
                return own, tuple(words), False
            own[-1] = f"{word}={value}"
    return own, (), False


def _unknown(word: str) -> CommandError:
    if not word.startswith("-"):
        usage = f"{PROGRAM} [options] {SEPARATOR} python train.py ..."
        return CommandError(f"{word!r} is not an option of {PROGRAM}; write {usage}")
    from hydra_vertex.protocol.suggestions import quote_for_message, suggest

    name = quote_for_message(word.partition("=")[0])
    return CommandError(f"{name} is not an option of {PROGRAM}{suggest(name, (*_VALUED, *_SWITCHES))}")


def _checked(options: Options) -> Options:
    """Return the options if they are consistent. Raises CommandError."""
    if options.executor_input is not None:
        if options != Options(executor_input=options.executor_input, component=options.component):
            raise CommandError("--executor_input cannot be combined with other options; leave those out")
        return options
    if options.component is not None:
        raise CommandError("--component needs --executor_input, which a pipeline gives")
    ids = [alias.id for alias in options.aliases]
    for alias in options.aliases:
        if ids.count(alias.id) > 1:
            raise CommandError(f"--alias: {alias.id!r} has two aliases; give one --alias per parameter")
    if not options.app:
        raise CommandError(f"no app to run; write {PROGRAM} [options] {SEPARATOR} python train.py ...")
    if options.json is not None and not options.explain:
        raise CommandError("--json needs --explain; add --explain")
    if options.socket is not None and (not options.explain or options.json is not None):
        raise CommandError(f"--socket needs --explain, without --json; see {PROGRAM} --help")
    return options
