"""hydra-trial's own options, before the first `--`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.trial.options import Alias, Options, parse_options


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
        (["train.py", "--a=1", "--", "b"], Options(app=("python", "train.py", "--a=1", "--", "b"))),
        (
            ["--metric", "m", "-m", "pkg.train", "--a=1"],
            Options(metric="m", app=("python", "-m", "pkg.train", "--a=1")),
        ),
        (["--", "a", "--", "--metric", "b"], Options(app=("a", "--", "--metric", "b"))),
        (["--executor_input", "{}"], Options(executor_input="{}")),
        (["-h"], Options(help=True)),
        (["--version"], Options(version=True)),
    ],
)
def test_options_end_at_the_first_separator_or_at_the_script(arguments: list[str], options: Options) -> None:
    assert parse_options(arguments) == options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no app to run"),
        (["--metric", "m", "--"], "no app to run"),
        (["python", "train"], "'python' stands before `--`"),
        (["--metrics", "m", "--", "a"], "--metrics is not an option of hydra-trial"),
        (["--explain=yes", "--", "a"], "--explain=yes is not an option"),
        (["--metric", "--", "a"], "--metric needs a value"),
        (["--alias", "lr", "--", "a"], "--alias lr: expected ID=KEY"),
        (["--hold-on-failure", "long", "--", "a"], "--hold-on-failure long: expected seconds from 0 to 86400"),
        (["--hold-on-failure", "nan", "--", "a"], "--hold-on-failure nan: expected seconds"),
        (["--json", "x", "--", "a"], "--json goes with --explain"),
        (["--executor_input={}", "--explain"], "--executor_input stands alone"),
    ],
)
def test_a_wrong_option_is_refused_with_the_next_step(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        parse_options(arguments)


def test_options_survive_a_relaunch() -> None:
    own = "--metric m --monitor v --monitor w --alias lr=o.lr --resume-key k --hold-on-failure 2.5 --explain --json x"
    options = parse_options([*own.split(), "--", "a"])
    assert parse_options([*options.to_arguments(), "--", *options.app]) == options
