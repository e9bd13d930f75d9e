from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.cli.mcp.requests import check_command, explain_command, run_command, written_file
from hydra_vertex.cli.mcp.rules import Rules
from hydra_vertex.protocol.errors import UserError

APP = ("python", "app.py")


@pytest.mark.parametrize(
    ("given", "words", "app"),
    [
        ({}, ("check",), APP),
        ({"trials": 3, "overrides": ["a=1"]}, ("check", "--trials", "3"), (*APP, "a=1")),
        ({"search": "s.yaml"}, ("check", "--search", "ROOT/s.yaml"), APP),
        ({"smoke": True}, ("check", "--smoke", "--smoke-timeout=60"), APP),
        ({"smoke": False}, ("check",), APP),
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


def test_a_run_has_all_its_limits(tmp_path: Path) -> None:
    rules = Rules(tmp_path, APP, allow_run=True)

    assert run_command(rules, {"trials": 4}, tmp_path / "o").words == (
        *("run", "--trials", "4", "--parallel", "1", "--out", str(tmp_path / "o")),
    )
    assert run_command(rules, {"trials": 4, "retrain": False}, tmp_path / "o").words[-1] == "--no-retrain"


def test_a_file_is_temporary_unless_a_path_below_the_root_is_allowed(tmp_path: Path) -> None:
    rules = Rules(tmp_path / "root", APP)

    assert written_file(rules, {}, tmp_path, "best.yaml") == tmp_path / "best.yaml"
    with pytest.raises(UserError, match="--allow-run"):
        written_file(rules, {"output": "x.yaml"}, tmp_path, "best.yaml")
