"""`tune_and_retrain` in pipelines of users: twice, in conditions, loops and exit handlers, its outputs passed on."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import components, dsl

from hydra_vertex.pipelines.compiler import compile_to_file
from hydra_vertex.pipelines.component_list import write_component
from hydra_vertex.pipelines.local.failures import StepFailed
from hydra_vertex.pipelines.local.kfp_local import LocalRun
from hydra_vertex.pipelines.local.own_pipeline import run_own_pipeline
from pipelines.apps import APP, CONFIG

STUDY = json.dumps(
    {
        "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}],
        "parameters": [{"parameterId": "lr", "doubleValueSpec": {"minValue": 0.001, "maxValue": 0.1}}],
    }
)
TRIAL = json.dumps(
    {
        "workerPoolSpecs": [
            {
                "machineSpec": {"machineType": "n1-standard-4"},
                "replicaCount": "1",
                "containerSpec": {"imageUri": "r/i:1"},
            }
        ]
    }
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    (folder / "conf/model").mkdir(parents=True)
    (folder / "conf/experiment").mkdir()
    (folder / "train.py").write_text(APP)
    (folder / "conf/config.yaml").write_text(CONFIG)
    (folder / "conf/model/small.yaml").write_text("name: small\npenalty: 0.0\n")
    return folder


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, app: Path) -> Callable[..., Any]:
    """A task of the component, with the arguments that every pipeline here gives it."""
    file = tmp_path_factory.mktemp("component") / "tune_and_retrain.yaml"
    write_component("tune_and_retrain", file)
    component: Any = components.load_component_from_file(str(file))

    def task(name: Any, mode: str = "ok") -> Any:
        return component(
            display_name=name,
            app_command=json.dumps([sys.executable, str(app / "train.py"), f"mode={mode}"]),
            study_spec=STUDY,
            trial_job_spec=TRIAL,
            max_trial_count=1,
            parallel_trial_count=1,
            metric="loss",
        )

    return task


@dsl.component(base_image="python:3.11")
def keep(folder: str, text: str, value: float = 0.0) -> None:
    from pathlib import Path

    Path(folder, text).write_text(str(value))


@dsl.component(base_image="python:3.11")
def cleanup(folder: str, status: dsl.PipelineTaskFinalStatus) -> None:
    from pathlib import Path

    Path(folder, "cleanup").write_text(status.state)


def run(pipeline: Any, folder: Path) -> LocalRun:
    compile_to_file(pipeline, folder / "p.json")
    return run_own_pipeline(folder / "p.json", {"folder": str(folder)}, folder / "out")


def job_of(done: LocalRun, step: str) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(done.artifact(step, "job").read_text())
    return job


def test_twice_in_one_pipeline_and_in_a_condition_on_its_output(tuned: Callable[..., Any], tmp_path: Path) -> None:
    @dsl.pipeline(name="twice")
    def twice(folder: str) -> None:
        first = tuned("first")
        second = tuned("second").after(first)
        with dsl.If(second.outputs["best_value"] < 1000.0):
            keep(folder=folder, text="good", value=second.outputs["best_value"])
        with dsl.If(first.outputs["best_value"] < -1.0):
            keep(folder=folder, text="impossible")

    done = run(twice, tmp_path)

    jobs = [job_of(done, "tune"), job_of(done, "tune-2")]
    assert {job["displayName"] for job in jobs} == {"first", "second"}
    assert len({job["name"] for job in jobs}) == 2
    second = next(step for step in ("tune", "tune-2") if job_of(done, step)["displayName"] == "second")
    best = done.parameter(second.replace("tune", "select-best"), "best_value")
    assert (tmp_path / "good").read_text() == str(best)
    assert not (tmp_path / "impossible").exists()


def test_in_a_loop_and_in_an_exit_handler(tuned: Callable[..., Any], tmp_path: Path) -> None:
    @dsl.pipeline(name="loop")
    def loop(folder: str) -> None:
        with dsl.ExitHandler(cleanup(folder=folder)), dsl.ParallelFor(["one", "two"]) as name:
            task = tuned(name)
            keep(folder=folder, text=name, value=task.outputs["best_value"])

    run(loop, tmp_path)

    assert (tmp_path / "cleanup").read_text() == "SUCCEEDED"
    assert all(math.isfinite(float((tmp_path / name).read_text())) for name in ("one", "two"))


def test_a_failed_study_ends_in_the_exit_handler(tuned: Callable[..., Any], tmp_path: Path) -> None:
    @dsl.pipeline(name="handled")
    def handled(folder: str) -> None:
        with dsl.ExitHandler(cleanup(folder=folder)):
            tuned("crashing", mode="crash").set_caching_options(False)

    compile_to_file(handled, tmp_path / "p.json")
    compiled = json.loads((tmp_path / "p.json").read_text())
    tasks = compiled["components"]["comp-tune-and-retrain"]["dag"]["tasks"]
    # The retries of the component wait for a minute.
    for task in tasks.values():
        task.get("retryPolicy", {}).pop("backoffDuration", None)
    (tmp_path / "p.json").write_text(json.dumps(compiled))

    with pytest.raises(StepFailed) as caught:
        run_own_pipeline(tmp_path / "p.json", {"folder": str(tmp_path)}, tmp_path / "out")

    assert caught.value.step == "tune"
    assert (tmp_path / "cleanup").read_text() == "FAILED"


def test_the_tuning_is_not_cached_in_any_pipeline(tuned: Callable[..., Any], tmp_path: Path) -> None:
    @dsl.pipeline(name="cached")
    def cached() -> None:
        tuned("first").set_caching_options(True)

    compile_to_file(cached, tmp_path / "p.json")

    compiled = json.loads((tmp_path / "p.json").read_text())
    inner = compiled["components"]["comp-tune-and-retrain"]["dag"]["tasks"]
    assert inner["tune"]["cachingOptions"] == {}
    assert inner["retrain"]["cachingOptions"] == {"enableCache": True}
