"""Parsing of hydra-trial's own options, before the first `--`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.trial.option_parser import help_text, parse_options
from hydra_vertex.trial.options import Alias, Options


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--", "python", "t.py"], Options(app=("python", "t.py"))),
        (["--metric", "val/loss", "--", "a"], Options(metric="val/loss", app=("a",))),
        (["--metric=val/loss", "--", "a"], Options(metric="val/loss", app=("a",))),
        (["--explain", "--json", "x.json", "--", "a"], Options(explain=True, json=Path("x.json"), app=("a",))),
        (
            ["--monitor", "val/loss", "--monitor=val/acc", "--", "a"],
            Options(monitor=("val/loss", "val/acc"), app=("a",)),
        ),
        (["--alias", "lr=opt.lr", "--", "a"], Options(aliases=(Alias("lr", "opt.lr"),), app=("a",))),
        (["--alias=a=b=c", "--", "a"], Options(aliases=(Alias("a", "b=c"),), app=("a",))),
        (["--resume-key", "ckpt_path", "--", "a"], Options(resume_key="ckpt_path", app=("a",))),
        (["--hold-on-failure", "300", "--", "a"], Options(hold_on_failure_s=300.0, app=("a",))),
        (["train.py", "--a=1", "--", "b"], Options(app=("python", "train.py", "--a=1", "--", "b"), by_launcher=True)),
        (
            ["--metric", "m", "-m", "pkg.train", "--a=1"],
            Options(metric="m", app=("python", "-m", "pkg.train", "--a=1"), by_launcher=True),
        ),
        (["--", "a", "--", "--metric", "b"], Options(app=("a", "--", "--metric", "b"))),
        (["--executor_input", "{}"], Options(executor_input="{}")),
        (["-h"], Options(help=True)),
        (["--version"], Options(version=True)),
        (["--help", "--metric", "m"], Options(help=True, metric="m")),
        (["--metric", "a", "--metric", "b", "--", "a"], Options(metric="b", app=("a",))),
        (["--metric", "-loss", "--", "a"], Options(metric="-loss", app=("a",))),
        (["--metric", "-m", "--", "a"], Options(metric="-m", app=("a",))),
        (["--metric=-loss", "--", "a"], Options(metric="-loss", app=("a",))),
        (["--metric", "a=b c", "--", "a"], Options(metric="a=b c", app=("a",))),
        (["--metric=x.py", "--", "a"], Options(metric="x.py", app=("a",))),
        (
            ["--explain", "--json", "x.py", "y.py"],
            Options(explain=True, json=Path("x.py"), app=("python", "y.py"), by_launcher=True),
        ),
        (["--own-words", "3", "--", "make", "all", "--j=4"], Options(own_words=3, app=("make", "all", "--j=4"))),
        (["--untyped", "--", "a"], Options(untyped=True, app=("a",))),
        (["--executor_input", '{"a": "-- x.py"}'], Options(executor_input='{"a": "-- x.py"}')),
    ],
)
def test_options_end_at_the_first_separator_or_at_the_script(arguments: list[str], options: Options) -> None:
    assert parse_options(arguments) == options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no app to run"),
        (["--metric", "m", "--"], "no app to run"),
        (["python", "train"], "'python' is not an option of hydra-trial; write hydra-trial "),
        (["--metrics", "m", "--", "a"], "--metrics is not an option of hydra-trial; did you mean '--metric'?"),
        (["--met", "m", "--", "a"], "--met is not an option"),
        (["--monitors=x", "--", "a"], "--monitors is not an option of hydra-trial; did you mean '--monitor'?"),
        (["-x", "--", "a"], "-x is not an option of hydra-trial"),
        (["-x y", "--", "a"], "-x y is not an option of hydra-trial"),
        (
            ["--executor-input", "{}"],
            "--executor-input is not an option of hydra-trial; did you mean '--executor_input'",
        ),
        ([f"--{'x' * 1000}", "--", "a"], r"xxx\.\.\. \(1002 characters\) is not an option"),
        (["--explain=yes", "--", "a"], "--explain: ignored explicit argument 'yes'; see hydra-trial --help"),
        (["--metric", "--", "a"], "--metric: expected one argument; see hydra-trial --help"),
        (["--metric"], "--metric: expected one argument"),
        (["--metric=--", "--", "a"], "--metric: expected a value, got --; see"),
        (["--metric=", "--", "a"], "--metric: needs a value"),
        (["--explain", "--json", "", "--", "a"], "--json: needs a value"),
        (["--alias", "lr", "--", "a"], "--alias: expected ID=KEY, such as .*, got 'lr'"),
        (["--alias=x=a", "--alias=x=b", "--", "a"], "--alias: 'x' has two aliases"),
        (["--hold-on-failure", "long", "--", "a"], "--hold-on-failure: expected seconds from 0 to 86400, got 'long'"),
        (["--hold-on-failure", "nan", "--", "a"], "--hold-on-failure: expected seconds"),
        (["--hold-on-failure", "-1", "--", "a"], "--hold-on-failure: expected seconds"),
        (["--own-words", "-1", "--", "a"], "--own-words: expected a number of words, got '-1'"),
        (["--json", "x", "--", "a"], "--json needs --explain"),
        (["--socket", "x", "--", "a"], "--socket needs --explain"),
        (["--socket", "x", "--explain", "--json", "y", "--", "a"], "--socket needs --explain, without --json"),
        (["--executor_input={}", "--explain"], "--executor_input cannot be combined"),
        (["--executor_input={}", "--", "a"], "--executor_input cannot be combined"),
        (["--executor_input=", "--", "a"], "--executor_input: needs a value"),
    ],
)
def test_an_invalid_option_is_refused_with_the_next_step(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        parse_options(arguments)
    assert "\n" not in str(caught.value)
    assert "usage:" not in str(caught.value)


def test_the_help_lists_each_option_once_and_fits_a_usual_terminal() -> None:
    lines = help_text().splitlines()
    options = [line.split()[0].rstrip(",") for line in lines if line.startswith("  -")]
    assert options == [
        *(
            "--metric",
            "--monitor",
            "--alias",
            "--sweep",
            "--preset",
            "--resume-key",
            "--hold-on-failure",
            "--own-words",
        ),
        *("--untyped", "--explain", "--json", "--socket", "--executor_input", "--component", "--version", "-h"),
    ]
    assert max(map(len, lines)) <= 110
