"""Parses hydra-trial's own options, which precede the app's command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from hydra_vertex.protocol.command import PROGRAM, SEPARATOR
from hydra_vertex.protocol.errors import CommandError

from .options import Alias, Options

MOST_HOLD_S = 24 * 3600
"""Upper limit of --hold-on-failure: 24 h."""

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
        help=given.help,
        version=given.version,
        app=app,
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
    "--resume-key",
    "--hold-on-failure",
    "--own-words",
    "--json",
    "--socket",
    "--executor_input",
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
    _add_options_of_a_trial(parser.add_argument)
    _add_other_options(parser.add_argument)
    return parser


def _add_options_of_a_trial(add: Callable[..., object]) -> None:
    add(
        "--metric",
        type=_text,
        metavar="NAME",
        help="name of the metric that the app returns. Without it: $CLOUD_ML_HP_METRIC_TAG, then `optimized_metric` in "
        "the app's config, then `metric`",
    )
    add(
        "--monitor",
        type=_text,
        action="append",
        default=[],
        metavar="NAME",
        help="report this Lightning metric after every validation, under its own name; may be repeated. Early "
        "stopping uses the values of the study's metric",
    )
    add(
        "--alias",
        type=_alias,
        action="append",
        default=[],
        dest="aliases",
        metavar="ID=KEY",
        help="the parameter ID sets the config key KEY; may be repeated",
    )
    add(
        "--sweep",
        type=_text,
        action="append",
        default=[],
        dest="sweeps",
        metavar="KEY=SWEEP",
        help="the sweep of the search file for the parameter KEY, in Hydra's grammar; its literals determine the "
        "type of the value: with lr=choice(1,null), --lr=1.0 sets the whole number 1. May be repeated",
    )
    add(
        "--resume-key",
        type=_text,
        metavar="KEY",
        help="the config key for the checkpoint to resume from, as after the preemption of a Spot machine; it is set "
        "to the newest checkpoint in $AIP_CHECKPOINT_DIR, if there is one",
    )
    add(
        "--hold-on-failure",
        type=_seconds,
        default=0.0,
        dest="hold_on_failure_s",
        metavar="S",
        help="when the app fails, keep the process and its container for S seconds; without this option a failed "
        "trial exits at once and frees its GPU",
    )


def _add_other_options(add: Callable[..., object]) -> None:
    add(
        "--own-words",
        type=_count,
        default=0,
        metavar="N",
        help="the first N words of the app's command are its own, although its last option looks like a parameter, as "
        "in `make train --jobs=4`",
    )
    add(
        "--untyped",
        action="store_true",
        help="the program is an app that is not Python: its parameters become quoted Hydra overrides on its command "
        "line, without a type, and its measurement is its own matter",
    )
    add(
        "--explain",
        action="store_true",
        help="print the override for each argument and the final command line; the app's main is not run",
    )
    add("--json", type=_path, metavar="FILE", help="with --explain: write the explanation to FILE, as JSON")
    add(
        "--socket",
        type=_path,
        metavar="FILE",
        help="with --explain: answer the questions of a launcher that listens on this Unix socket",
    )
    add(
        "--executor_input",
        type=_text,
        metavar="JSON",
        help="run as a step of a Kubeflow pipeline: retrain with the parameters in JSON",
    )
    add("--version", action="store_true", help="print the version")
    add("-h", "--help", action="store_true", help="print this text")


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


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("needs a value")
    return text


def _path(text: str) -> Path:
    return Path(_text(text))


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise argparse.ArgumentTypeError(f"expected a number of words, got {text!r}")
    return int(text)


def _alias(text: str) -> Alias:
    id_, _, key = text.partition("=")
    if not id_ or not key:
        raise argparse.ArgumentTypeError(f"expected ID=KEY, such as learning_rate=optimizer.lr, got {text!r}")
    return Alias(id_, key)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_HOLD_S:
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to {MOST_HOLD_S}, got {text!r}")
    return seconds


def _checked(options: Options) -> Options:
    """Return the options if they are consistent. Raises CommandError."""
    if options.executor_input is not None:
        if options != Options(executor_input=options.executor_input):
            raise CommandError("--executor_input cannot be combined with other options; leave those out")
        return options
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
