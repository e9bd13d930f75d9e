"""What stands in front of the first `--`: hydra-trial's own options. Imports nothing that `--help` would pay for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from hydra_vertex.protocol.command import PROGRAM, SEPARATOR
from hydra_vertex.protocol.errors import CommandError

USAGE = f"""\
usage: {PROGRAM} [option ...] -- python train.py [ARGUMENT ...]
       torchrun [option ...] -m hydra_vertex.trial [option ...] train.py [ARGUMENT ...]

Runs a Hydra app, unmodified, as a trial of Vertex AI hyperparameter tuning: each --key=value behind the app's command
becomes a Hydra override of the type that the app's config gives the key, and what the app's main function returns is
reported as the trial's measurement.

options:
  --metric NAME           name of the metric that the app returns. Without it: $CLOUD_ML_HP_METRIC_TAG, then
                          `optimized_metric` in the app's config, then `metric`
  --monitor NAME          report this metric of Lightning at every validation, under its own name; may be repeated. By
                          the curve of the study's metric a service can stop a trial that leads nowhere
  --alias ID=KEY          the parameter ID sets the config's KEY; may be repeated
  --resume-key KEY        the config key for a checkpoint to go on from: it is set when the config has it and a
                          checkpoint is in $AIP_CHECKPOINT_DIR, as after a pre-empted Spot machine
  --hold-on-failure S     when the app fails, keep the process, and so the container, for S seconds; without it a
                          failed trial frees its GPU at once
  --explain               show what each argument becomes and the final command line; the app's main is not run
  --json FILE             with --explain: write the explanation to FILE, as JSON
  --executor_input JSON   run as a step of a Kubeflow pipeline: retrain with the parameters in JSON
  --version               show the version
  -h, --help              show this text

the app's command:
  python train.py ...     the interpreter that runs {PROGRAM}; /path/to/python is another environment
  python -m package.app ...
  my-train ...            a Python console script, or a Python script that is executable
  any-program ...         is started as it is, each parameter quoted as an override of Hydra but not typed

example:
  {PROGRAM} --metric val/loss -- python train.py experiment=docs --optimizer.lr=0.003 --model=resnet
"""


@dataclass(frozen=True, slots=True)
class Alias:
    """A service's parameter `id` sets the config's `key`."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class Options:
    """hydra-trial's own options, and the app's command with its arguments (`app`). None means not given.

    `hold_on_failure_s` is 0 for not at all.
    """

    metric: str | None = None
    monitor: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    resume_key: str | None = None
    hold_on_failure_s: float = 0.0
    explain: bool = False
    json: Path | None = None
    executor_input: str | None = None
    help: bool = False
    version: bool = False
    app: tuple[str, ...] = ()

    def to_arguments(self) -> tuple[str, ...]:
        """The options as hydra-trial reads them, without the app."""
        metric = () if self.metric is None else ("--metric", self.metric)
        monitor = tuple(word for name in self.monitor for word in ("--monitor", name))
        aliases = tuple(word for alias in self.aliases for word in ("--alias", f"{alias.id}={alias.key}"))
        resume = () if self.resume_key is None else ("--resume-key", self.resume_key)
        hold = ("--hold-on-failure", repr(self.hold_on_failure_s)) if self.hold_on_failure_s else ()
        explain = ("--explain",) if self.explain else ()
        json = () if self.json is None else ("--json", str(self.json))
        return (*metric, *monitor, *aliases, *resume, *hold, *explain, *json)


MOST_HOLD_S = 24 * 3600
"""A day: whoever holds a paid machine for longer has forgotten it."""

_OPTIONS = (
    "--metric",
    "--monitor",
    "--alias",
    "--resume-key",
    "--hold-on-failure",
    "--explain",
    "--json",
    "--executor_input",
    "--version",
    "--help",
)


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the options up to the first `--`, or up to a script or `-m`, as launchers write it. Raises CommandError."""
    options = Options()
    tokens = iter(arguments)
    for word in tokens:
        if word == SEPARATOR:
            return _complete(replace(options, app=tuple(tokens)))
        if word.endswith(".py") or word == "-m":
            return _complete(replace(options, app=("python", word, *tokens)))
        options = _with_option(options, word, tokens)
    return _complete(options)


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
        case ["--monitor", equals, value]:
            name = _value("--monitor", equals, value, rest)
            return replace(options, monitor=(*options.monitor, name))
        case ["--alias", equals, value]:
            alias = _alias(_value("--alias", equals, value, rest), options.aliases)
            return replace(options, aliases=(*options.aliases, alias))
        case ["--resume-key", equals, value]:
            return replace(options, resume_key=_value("--resume-key", equals, value, rest))
        case ["--hold-on-failure", equals, value]:
            return replace(options, hold_on_failure_s=_seconds(_value("--hold-on-failure", equals, value, rest)))
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
    if not text or (text == SEPARATOR and not equals):
        raise CommandError(f"{name} needs a value; see {PROGRAM} --help")
    return text


def _alias(text: str, earlier: Sequence[Alias]) -> Alias:
    id_, _, key = text.partition("=")
    if not id_ or not key:
        raise CommandError(f"--alias {text}: expected ID=KEY, such as --alias learning_rate=optimizer.lr")
    if any(alias.id == id_ for alias in earlier):
        raise CommandError(f"--alias {text}: {id_!r} has an alias already; a parameter sets one key")
    return Alias(id_, key)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_HOLD_S:
        raise CommandError(f"--hold-on-failure {text}: expected seconds from 0 to {MOST_HOLD_S}")
    return seconds


def _complete(options: Options) -> Options:
    if options.help or options.version:
        return options
    if options.executor_input is not None:
        given = {field.name for field in fields(options) if getattr(options, field.name) not in (None, False, (), 0.0)}
        if given != {"executor_input"}:
            raise CommandError("--executor_input stands alone: the pipeline's parameters say everything else")
        return options
    if not options.app:
        raise CommandError(f"no app to run; write {PROGRAM} [options] {SEPARATOR} python train.py ...")
    if options.json is not None and not options.explain:
        raise CommandError("--json goes with --explain")
    return options
