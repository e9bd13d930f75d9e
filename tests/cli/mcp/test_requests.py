from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.cli.mcp.requests import check_command, explain_command, run_command, written_file
from hydra_vertex.cli.mcp.rules import Rules
from hydra_vertex.launcher.best.members import FOLDER
from hydra_vertex.protocol.errors import CommandError, OutputError, UserError

APP = ("python", "app.py")


@pytest.mark.parametrize(
    ("given", "words", "app"),
    [
        ({}, ("check",), APP),
        ({"trials": 3, "overrides": ["a=1"]}, ("check", "--trials", "3"), (*APP, "a=1")),
        ({"search": "s.yaml"}, ("check", "--search", "ROOT/s.yaml"), APP),
        ({"smoke": True}, ("check", "--smoke", "--smoke-timeout=60"), APP),
        ({"smoke": False}, ("check",), APP),
        ({"trials": 3.0}, ("check", "--trials", "3"), APP),
    ],
)
def test_a_check_is_the_command_check(
    tmp_path: Path, given: dict[str, Any], words: tuple[str, ...], app: tuple[str, ...]
) -> None:
    command = check_command(Rules(tmp_path, APP, allow_run=True, max_time_s=60), given)

    assert command.words == tuple(word.replace("ROOT", str(tmp_path)) for word in words)
    assert command.app == app


def test_the_parameters_are_written_as_the_tuning_service_would(tmp_path: Path) -> None:
    given: dict[str, Any] = {"parameters": {"lr": 0.5, "flag": True, "model": "small"}}

    assert explain_command(Rules(tmp_path, APP), given).words == (
        *("explain", "--parameter=lr=0.5", "--parameter=flag=true", "--parameter=model=small"),
    )


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"hydra.searchpath": "[/outside]"}, "Hydra's own settings"),
        ({"hydra.run.dir": "/outside"}, "Hydra's own settings"),
        ({"+hydra.callbacks.a": "{_target_: os.system}"}, "Hydra's own settings"),
        ({"++hydra.job.name": 1}, "Hydra's own settings"),
        ({"+g@hydra": "x"}, "Hydra's own settings"),
        ({"lr": 0.1, "model": "{_target_: os.system}"}, "_target_"),
        ({"+g": "../../outside/x"}, "below the root"),
        ({"-cd": "/outside"}, "not a flag"),
        ({"--config-dir": "/outside"}, "not a flag"),
        ({"config-dir": "/outside"}, "config-dir: would be a flag of Hydra"),
        ({"config-dir=/outside": ""}, "config-dir: would be a flag of Hydra"),
        ({"experimental-rerun": "/outside/x.pickle"}, "would be a flag of Hydra"),
        ({"info": "all"}, "would be a flag of Hydra"),
    ],
)
def test_a_parameter_that_is_more_than_a_value_of_the_app_s_config_is_refused(
    tmp_path: Path, parameters: dict[str, Any], says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        explain_command(Rules(tmp_path, APP), {"parameters": parameters})


def test_a_run_has_all_its_limits(tmp_path: Path) -> None:
    rules = Rules(tmp_path, APP, allow_run=True)

    assert run_command(rules, {"trials": 4}, tmp_path / "o").words == (
        *("run", "--trials", "4", "--parallel", "1", "--out", str(tmp_path / "o")),
    )
    assert run_command(rules, {"trials": 4.0, "parallel": 1.0}, tmp_path / "o").words[:5] == (
        *("run", "--trials", "4", "--parallel", "1"),
    )
    assert run_command(rules, {"trials": 4, "retrain": False}, tmp_path / "o").words[-1] == "--no-retrain"


def test_a_file_is_temporary_unless_a_path_below_the_root_is_allowed(tmp_path: Path) -> None:
    rules = Rules(tmp_path / "root", APP)

    assert written_file(rules, {}, tmp_path, "best.yaml") == tmp_path / "best.yaml"
    allowed = Rules(tmp_path / "root", APP, allow_run=True)
    assert written_file(allowed, {"output": "x.yaml"}, tmp_path, "best.yaml") == tmp_path / "root/x.yaml"
    with pytest.raises(UserError, match="--allow-run"):
        written_file(rules, {"output": "x.yaml"}, tmp_path, "best.yaml")


@pytest.mark.parametrize("name", ["best.yaml", "report.html"])
@pytest.mark.parametrize("output", ["train.py", "folder", "loop", "empty", "mine.yaml"])
def test_a_file_that_the_tool_has_not_written_is_not_replaced(tmp_path: Path, name: str, output: str) -> None:
    (tmp_path / "train.py").write_text("print()\n")
    (tmp_path / "mine.yaml").write_text("# @package _global_\nlr: 1\n")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(OutputError, match=f"no {name} of an earlier call; give another file|is not a path"):
        written_file(Rules(tmp_path, APP, allow_run=True), {"output": output}, tmp_path, name)


def test_no_pareto_set_is_written_through_a_link_out_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / FOLDER).symlink_to(tmp_path)

    with pytest.raises(OutputError, match="is outside of"):
        written_file(Rules(tmp_path / "root", APP, allow_run=True), {"output": "best.yaml"}, tmp_path, "best.yaml")
