"""The options of the engine become its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.cli.commands.engine_options import engine_options_from
from hydra_vertex.cli.main import build_parser
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.options import EngineOptions


def engine(*options: str) -> EngineOptions:
    return engine_options_from(build_parser().parse_args(["serve", "--engine", "docker", *options]))


def test_an_option_replaces_the_same_key_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_text("network: host\npull: never\n")
    found = engine("--engine-config", str(file), "--engine-set", "network=none")
    assert found == EngineOptions("docker", {"network": "none", "pull": "never"})


def test_a_key_that_is_given_twice_is_refused() -> None:
    with pytest.raises(UserError, match="--engine-set network: is given twice"):
        engine("--engine-set", "network=host", "--engine-set", "network=none")
