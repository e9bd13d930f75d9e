"""The options of hydra-trial: names, texts of the help, and the form of each value."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from .options import Alias
from .presets import parse_preset

MOST_HOLD_S = 24 * 3600
"""Upper limit of --hold-on-failure: 24 h."""


def add_options(add: Callable[..., object]) -> None:
    """Add every option; `add` is `add_argument` of a parser. The help has this order."""
    _add_study_options(add)
    _add_process_options(add)
    _add_other_options(add)


def _add_study_options(add: Callable[..., object]) -> None:
    add(
        "--metric",
        type=_text,
        metavar="NAME",
        help="name of the metric that the app returns. Without it: $CLOUD_ML_HP_METRIC_TAG, then `optimized_metric` in "
        "the app's config, then `metric`. Of several metrics: a JSON array of the names, in the order of the values",
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
        "--preset",
        type=parse_preset,
        action="append",
        default=[],
        dest="presets",
        metavar="ID=VALUE=JSON",
        help="the parameter ID with this value stands for the parameters in JSON, an array such as "
        '["--lr=0.1"]; may be repeated',
    )


def _add_process_options(add: Callable[..., object]) -> None:
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


def _add_other_options(add: Callable[..., object]) -> None:
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
    add(
        "--component",
        type=_text,
        metavar="JSON",
        help="with --executor_input: run the app of a component that `hydra-vertex component --from-app` has written",
    )
    add("--version", action="store_true", help="print the version")
    add("-h", "--help", action="store_true", help="print this text")


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
