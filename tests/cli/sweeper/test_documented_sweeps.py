"""Runs every command of docs/from-hydra-optuna-sweeper.md, in its order, with the files of the page."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from pipelines.apps import environment

PAGE = (ROOT / "docs/from-hydra-optuna-sweeper.md").read_text()
FILES = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ (python .*)$", PAGE, re.MULTILINE)
FORM = {"name", "best_params", "best_value"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    for name, text in FILES:
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(name).write_text(text)
    return folder


def test_the_page_has_the_app_and_commands() -> None:
    assert [name for name, _ in FILES] == ["branin.py", "conf/config.yaml"]
    assert len(COMMANDS) == PAGE.count("\n$ python ") >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_and_leaves_the_documented_files(app: Path, command: str) -> None:
    before = set(app.glob("multirun/*/*"))
    words = [sys.executable, *shlex.split(command)[1:]]
    ended = subprocess.run(words, cwd=app, env=environment(), capture_output=True, text=True, timeout=300, check=False)

    assert ended.returncode == 0, ended.stderr
    (folder,) = set(app.glob("multirun/*/*")) - before or {app / "sweeps/branin"}
    results = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    assert set(results) == FORM
    trials = int((re.findall(r"n_trials=(\d+)", command) or ["6"])[0])
    assert {path.name for path in folder.iterdir() if path.name.isdecimal()} == {str(n) for n in range(trials)}
    rows = re.findall(r"^\| ((?:`[\w./]+`(?:, )?)+),? ?…? \|", PAGE, re.MULTILINE)
    named = {name.rstrip("/") for row in rows for name in re.findall(r"`([\w./]+)`", row) if "." in name or "/" in name}
    assert named <= {path.name for path in folder.iterdir()}
    assert {"0", "1", "study", "report.html"} <= named


def test_the_configs_of_a_sweep_have_the_fixed_value_and_the_interval_of_the_command_line(app: Path) -> None:
    command = [sys.executable, "branin.py", "-m", "x=interval(-4.0, 1.0)", "y=12.3", "hydra.sweep.dir=own"]
    subprocess.run([*command, "hydra.sweeper.n_trials=2"], cwd=app, env=environment(), check=True, timeout=300)

    for number in range(2):
        config = yaml.safe_load((app / "own" / str(number) / ".hydra/config.yaml").read_text())
        assert config["y"] == 12.3
        assert -4 <= config["x"] <= 1
