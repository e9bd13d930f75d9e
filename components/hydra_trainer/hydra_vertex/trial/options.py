"""What stands in front of the first `--`: hydra-trial's own options. Imports nothing that `--help` would pay for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from .protocol.command import PROGRAM, SEPARATOR
from .protocol.errors import CommandError

USAGE = f"""\
usage: {PROGRAM} [--metric NAME] [--explain [--json FILE]] -- python train.py [ARGUMENT ...]

Runs a Hydra app, unmodified, as a trial of Vertex AI hyperparameter tuning: each --key=value behind the app's command
becomes a Hydra override of the type that the app's config gives the key, and what the app's main function returns is
reported as the trial's measurement.

options:
  --metric NAME           name of the metric that the app returns. Without it: $CLOUD_ML_HP_METRIC_TAG, then
                          `optimized_metric` in the app's config, then `metric`
  --explain               show what each argument becomes and the final command line; the app's main is not run
  --json FILE             with --explain: write the explanation to FILE, as JSON
  --executor_input JSON   run as a step of a Kubeflow pipeline: retrain with the parameters in JSON
  --version               show the version
  -h, --help              show this text

the app's command:
  python train.py ...     the interpreter that runs {PROGRAM}; /path/to/python is another environment
  python -m package.app ...
  my-train ...            a Python console script, or a Python script that is executable

example:
  {PROGRAM} --metric val/loss -- python train.py experiment=docs --optimizer.lr=0.003 --model=resnet
"""


@dataclass(frozen=True, slots=True)
class Options:
    """hydra-trial's own options, and the app's command with its arguments (`app`). None means not given."""

    metric: str | None = None
    explain: bool = False
    json: Path | None = None
    executor_input: str | None = None
    help: bool = False
    version: bool = False
    app: tuple[str, ...] = ()

    def to_arguments(self) -> tuple[str, ...]:
        """The options as hydra-trial reads them, without the app."""
        metric = () if self.metric is None else ("--metric", self.metric)
        explain = ("--explain",) if self.explain else ()
        json = () if self.json is None else ("--json", str(self.json))
        return (*metric, *explain, *json)


_OPTIONS = ("--metric", "--explain", "--json", "--executor_input", "--version", "--help")


def parse_options(arguments: Sequence[str]) -> Options:
    """Split at the first `--` and read what stands before it. Raises CommandError."""
    own = list(arguments)
    app: tuple[str, ...] = ()
    if SEPARATOR in own and not _is_executor_input(own):
        at = own.index(SEPARATOR)
        own, app = own[:at], tuple(own[at + 1 :])
    options = Options(app=app)
    tokens = iter(own)
    for token in tokens:
        options = _with_option(options, token, tokens)
    return _complete(options)


def _is_executor_input(own: Sequence[str]) -> bool:
    return bool(own) and own[0].startswith("--executor_input")


def _with_option(options: Options, token: str, rest: Iterator[str]) -> Options:
    match token.partition("="):
        case ["--explain", "", ""]:
            return replace(options, explain=True)
        case ["--help" | "-h", "", ""]:
            return replace(options, help=True)
        case ["--version", "", ""]:
            return replace(options, version=True)
        case ["--metric", equals, value]:
            return replace(options, metric=_value("--metric", equals, value, rest))
        case ["--json", equals, value]:
            return replace(options, json=Path(_value("--json", equals, value, rest)))
        case ["--executor_input", equals, value]:
            return replace(options, executor_input=_value("--executor_input", equals, value, rest))
    if token.startswith("-"):
        raise CommandError(f"{token} is not an option of {PROGRAM} (its options: {', '.join(_OPTIONS)})")
    usage = f"{PROGRAM} [options] {SEPARATOR} python train.py ..."
    raise CommandError(f"{token!r} stands before `{SEPARATOR}`; write {usage}")


def _value(name: str, equals: str, value: str, rest: Iterator[str]) -> str:
    text = value if equals else next(rest, "")
    if not text:
        raise CommandError(f"{name} needs a value; see {PROGRAM} --help")
    return text


def _complete(options: Options) -> Options:
    if options.help or options.version:
        return options
    if options.executor_input is not None:
        given = {field.name for field in fields(options) if getattr(options, field.name) not in (None, False, ())}
        if given != {"executor_input"}:
            raise CommandError("--executor_input stands alone: the pipeline's parameters say everything else")
        return options
    if not options.app:
        raise CommandError(f"no app to run; write {PROGRAM} [options] {SEPARATOR} python train.py ...")
    if options.json is not None and not options.explain:
        raise CommandError("--json goes with --explain")
    return options
