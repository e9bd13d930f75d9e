"""best.yaml of real apps: what it holds, and that the command with it gives the trial's config."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.best.best_trial import BestConfig, best_config
from hydra_vertex.launcher.preflight.job_builder import FILE_OVERRIDES_LABEL
from hydra_vertex.protocol.command import trial_command
from launcher.jobs import make_job, make_trial
from trial.apps import run, write_app

APP = ("python", "train.py")
FILES = {
    "conf/config.yaml": """
        defaults: [_self_, {model: small}, {opt: sgd}, {extra: null}, {experiment: null}]
        lr: 0.1
        steps: 10
        layers: [64, {size: 1}]
        note: null
        gone: 1
        nested: {a: 1, b: 2}
        """,
    "conf/model/small.yaml": "width: 8\ndepth: 1\n",
    "conf/model/wide.yaml": "width: 64\ndepth: 1\n",
    "conf/extra/some.yaml": "level: 1\n",
    "conf/experiment/docs.yaml": "# @package _global_\ndefaults:\n  - override /model: wide\nnote: docs\nsteps: 50\n",
    "conf/experiment/deep/down.yaml": "# @package _global_\nnote: down\n",
    "train.py": """
        import json

        import hydra
        from omegaconf import OmegaConf

        @hydra.main(config_path="conf", config_name="config", version_base="1.3")
        def main(cfg):
            print("CONFIG", json.dumps(OmegaConf.to_container(cfg)))

        if __name__ == "__main__":
            with open("starts", "a") as file:
                print("start", file=file)
            main()
        """,
}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_app(tmp_path, **FILES)


def job_of(parameters: dict[str, object], command: tuple[str, ...], file: tuple[str, ...]) -> HyperparameterTuningJob:
    job = make_job([make_trial(1, 0.5, parameters=parameters)])
    (pool,) = job.trial_job_spec.worker_pools
    assert pool.container is not None
    container = dataclasses.replace(pool.container, command=trial_command((*command, *file), "val/loss"))
    spec = dataclasses.replace(job.trial_job_spec, worker_pools=(dataclasses.replace(pool, container=container),))
    labels = {FILE_OVERRIDES_LABEL: str(len(file))} if file else {}
    return dataclasses.replace(job, trial_job_spec=spec, labels=labels)


def best_of(
    parameters: dict[str, object], own: tuple[str, ...] = (), file: tuple[str, ...] = (), *, with_command: bool = False
) -> BestConfig:
    return best_config(job_of(parameters, (*APP, *own), file), with_command=with_command)


def content(best: BestConfig) -> dict[str, object]:
    loaded = OmegaConf.to_container(OmegaConf.create(best.experiment))
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items()}


def config_of(folder: Path, *arguments: str) -> object:
    ended = run(folder, [sys.executable, "train.py", *arguments])
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.split("CONFIG ")[1])


def test_it_holds_every_key_of_the_study_also_those_with_the_default(app: Path) -> None:
    best = best_of({"lr": 0.1, "model": "small", "nested.a": 1.0})

    assert content(best) == {"defaults": [{"override /model": "small"}], "lr": 0.1, "nested": {"a": 1}}
    (app / "conf/config.yaml").write_text((app / "conf/config.yaml").read_text().replace("lr: 0.1", "lr: 0.9"))
    (app / "conf/experiment/best.yaml").write_text(best.experiment)
    changed = config_of(app, "experiment=best")
    assert isinstance(changed, dict)
    assert changed["lr"] == 0.1


def test_it_leaves_out_what_the_command_sets(app: Path) -> None:
    best = best_of({"lr": 0.3}, ("steps=20", "experiment=docs", "+more=1"))

    assert content(best) == {"defaults": ["docs", "_self_"], "lr": 0.3}
    assert best.retyped == ("steps=20", "+more=1")
    assert best.command_with("D") == "python train.py --config-dir D steps=20 +more=1 experiment=best"


def test_with_command_it_holds_the_whole_command_line(app: Path) -> None:
    best = best_of({"lr": 0.3}, ("steps=20", "experiment=docs"), with_command=True)

    assert content(best) == {"defaults": [{"override /model": "wide"}], "lr": 0.3, "steps": 20, "note": "docs"}
    assert best.retyped == ()


def test_it_holds_what_the_search_file_sets(app: Path) -> None:
    best = best_of({"lr": 0.3}, ("steps=20",), ("++optimized_metric=val/loss", "model=wide", "note=null"))

    assert content(best) == {
        "defaults": [{"override /model": "wide"}],
        "lr": 0.3,
        "note": None,
        "optimized_metric": "val/loss",
    }
    assert best.retyped == ("steps=20",)


def test_another_command_has_the_overrides_of_the_search_file_too(app: Path) -> None:
    best = best_config(job_of({"lr": 0.3}, (*APP, "note=a"), ("steps=7",)), (*APP, "note=b"))

    assert best.app == (*APP, "note=b", "steps=7")
    assert content(best) == {"lr": 0.3, "steps": 7}


@pytest.mark.parametrize(
    ("parameters", "own", "file"),
    [
        ({"lr": 0.3}, (), ()),
        ({"lr": 0.3, "model": "wide"}, ("steps=3",), ()),
        ({"model": "null"}, ("steps=3",), ()),
        ({"model": "null"}, ("experiment=docs",), ()),
        ({"model": "small"}, ("experiment=docs", "steps=3"), ()),
        ({"extra": "some"}, (), ()),
        ({"extra": "null", "opt": "adam"}, (), ()),
        ({"lr": 0.3}, ("experiment=deep/down",), ()),
        ({"lr": 0.3}, ("experiment=[docs,deep/down]",), ()),
        ({"experiment": "docs", "lr": 0.3}, (), ()),
        ({"layers.1.size": 3.0}, (), ()),
        ({"lr": 0.3}, ("lr=0.2", "nested={a: 5}"), ()),
        ({"nested.a": 3.0}, ("nested.a=2", "nested.b=4"), ()),
        ({"nested.a": 3.0}, ("nested={a: 2, b: 4}",), ()),
        ({"lr": 0.3}, ("~gone", "--steps=4"), ()),
        ({"+fresh": "x"}, (), ("++more.deep=1",)),
        ({"lr": 0.3}, ("--config-name", "config", "steps=5"), ("extra=some",)),
        ({"nested": "{a: 7}"}, (), ()),
    ],
    ids=str,
)
def test_the_printed_command_gives_exactly_the_config_of_the_trial(
    app: Path, parameters: dict[str, object], own: tuple[str, ...], file: tuple[str, ...]
) -> None:
    best = best_of(parameters, own, file)

    (app / "D/experiment").mkdir(parents=True)
    (app / "D/experiment/best.yaml").write_text(best.experiment)
    command = best.command_with("D").replace("python", sys.executable, 1)
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    arguments = [argument.removeprefix("--") if "=" in argument else argument for argument in own]
    assert ended.returncode == 0, ended.stderr
    assert best.shortfall == "" or "~gone" in own, best.experiment
    assert json.loads(ended.stdout.split("CONFIG ")[1]) == config_of(app, *arguments, *file, *best.overrides)


def test_the_app_is_started_once(app: Path) -> None:
    best_of({"lr": 0.3}, ("experiment=docs",))

    assert (app / "starts").read_text() == "start\n"
