"""What an app gets from the installed plugin: the config, the samplers, and nothing that it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf

from hydra_vertex.cli.sweeper.composed import require_launcher, set_sweep_dir, sweep_dir_at_any_time, sweeper_of
from hydra_vertex.cli.sweeper.folder import NOW
from hydra_vertex.launcher.search_space.hydra_part import SWEEPER_OPTIONS, VERTEX_OPTIONS
from hydra_vertex.protocol.errors import SearchSpaceError
from pipelines.apps import environment

LIGHT = """
import sys
from hydra.core.plugins import Plugins
Plugins.instance()
assert "hydra_plugins.hydra_vertex_sweeper.vertex_sweeper" in sys.modules
print(*sorted({name.split(".")[0] for name in sys.modules} & {"hydra_vertex", "kfp", "rich", "optuna", "numpy"}))
"""
OPTUNA = {
    *("sampler", "direction", "storage", "study_name", "n_trials", "n_jobs", "max_failure_rate"),
    *("search_space", "params", "custom_search_space"),
}


@pytest.fixture
def composed(tmp_path: Path) -> DictConfig:
    (tmp_path / "config.yaml").write_text("optimized_metric: null\ntask: mine\n")
    return compose_in(tmp_path)


def compose_in(folder: Path, *overrides: str) -> DictConfig:
    Plugins.instance()
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose("config", ["hydra/sweeper=vertex", *overrides], return_hydra_config=True)


def test_hydra_finds_the_sweeper_and_loads_nothing_else() -> None:
    assert "VertexSweeper" in {plugin.__name__ for plugin in Plugins.instance().discover(Sweeper)}
    loaded = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    assert loaded.stdout.split() == []


def test_the_config_has_the_keys_of_hydra_optuna_sweeper_with_its_defaults_and_the_options(
    composed: DictConfig,
) -> None:
    sweeper = sweeper_of(composed)

    options = {*SWEEPER_OPTIONS, *VERTEX_OPTIONS}
    assert sweeper.keys() == {*OPTUNA, *options, "_target_", "_recursive_", "optimized_metric"}
    given = {name: value for name, value in sweeper.items() if value is not None and not name.startswith("_")}
    assert given == {
        "sampler": {"seed": None},
        "direction": "minimize",
        "n_trials": 20,
        "n_jobs": 2,
        "max_failure_rate": 0.0,
    }


def test_the_metric_of_the_app_is_that_of_the_study(composed: DictConfig) -> None:
    composed.optimized_metric = "val/loss"

    assert sweeper_of(composed)["optimized_metric"] == "val/loss"


def test_the_metrics_of_several_objectives_are_a_plain_list(composed: DictConfig) -> None:
    composed.optimized_metric = ["val/loss", "size"]

    found = sweeper_of(composed)["optimized_metric"]

    assert (type(found), found) == (list, ["val/loss", "size"])


@pytest.mark.parametrize("name", ["tpe", "random", "grid", "cmaes", "nsgaii", "motpe"])
def test_a_sampler_of_hydra_optuna_sweeper_can_be_chosen_without_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")

    assert f"{name}.yaml" in ConfigStore.instance().list("hydra/sweeper/sampler")
    sampler = compose_in(tmp_path, f"hydra/sweeper/sampler={name}").hydra.sweeper.sampler
    assert sampler._target_.startswith("optuna.samplers.")


def test_the_basic_launcher_is_accepted_without_a_line(
    composed: DictConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    require_launcher(composed)

    assert capsys.readouterr() == ("", "")


def test_joblib_has_no_effect_and_is_named(composed: DictConfig, capsys: pytest.CaptureFixture[str]) -> None:
    require_launcher(
        launched_by(composed, "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher", "joblib")
    )

    assert "hydra/launcher: joblib has no effect" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["submitit_slurm", "ray", "rq"])
def test_a_launcher_that_starts_jobs_elsewhere_is_refused(composed: DictConfig, name: str) -> None:
    with pytest.raises(SearchSpaceError, match=f"hydra/launcher is {name}"):
        require_launcher(launched_by(composed, f"hydra_plugins.{name}.Launcher", name))


def launched_by(config: DictConfig, target: str, name: str) -> DictConfig:
    OmegaConf.set_readonly(config, False)
    OmegaConf.set_readonly(config.hydra, False)
    config.hydra.launcher._target_ = target
    config.hydra.runtime.choices["hydra/launcher"] = name
    return config


def test_the_time_in_the_sweep_folder_is_replaced_and_other_interpolations_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("task: mine\nhydra: {sweep: {dir: 'logs/${task}/${now:%Y}_${now:%H}'}}\n")

    assert sweep_dir_at_any_time(compose_in(tmp_path)) == f"logs/mine/{NOW}_{NOW}"


def test_the_sweep_folder_of_a_read_only_config_can_be_set(composed: DictConfig) -> None:
    OmegaConf.set_readonly(composed.hydra, True)

    set_sweep_dir(composed, "earlier")

    assert composed.hydra.sweep.dir == "earlier"
