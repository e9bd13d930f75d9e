"""hydra-trial's own options, before the first `--`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.trial.options import Options, parse_options
from hydra_vertex.trial.protocol.errors import CommandError


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--", "python", "t.py"], Options(app=("python", "t.py"))),
        (["--metric", "val/loss", "--", "a"], Options(metric="val/loss", app=("a",))),
        (["--metric=val/loss", "--", "a"], Options(metric="val/loss", app=("a",))),
        (["--explain", "--json", "x.json", "--", "a"], Options(explain=True, json=Path("x.json"), app=("a",))),
        (["--", "a", "--", "--metric", "b"], Options(app=("a", "--", "--metric", "b"))),
        (["--executor_input", "{}"], Options(executor_input="{}")),
        (["--executor_input", "--"], Options(executor_input="--")),
        (["-h"], Options(help=True)),
        (["--version"], Options(version=True)),
    ],
)
def test_options_end_at_the_first_separator(arguments: list[str], options: Options) -> None:
    assert parse_options(arguments) == options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no app to run"),
        (["--metric", "m", "--"], "no app to run"),
        (["python", "train.py"], "'python' stands before `--`"),
        (["--metrics", "m", "--", "a"], "--metrics is not an option of hydra-trial"),
        (["--explain=yes", "--", "a"], "--explain=yes is not an option"),
        (["--metric", "--", "a"], "--metric needs a value"),
        (["--json", "x", "--", "a"], "--json goes with --explain"),
        (["--executor_input={}", "--explain"], "--executor_input stands alone"),
    ],
)
def test_a_wrong_option_is_refused_with_the_next_step(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        parse_options(arguments)


def test_options_survive_a_relaunch() -> None:
    options = parse_options(["--metric", "m", "--explain", "--json", "x", "--", "a"])
    assert parse_options([*options.to_arguments(), "--", *options.app]) == options
