import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components

from conftest import ROOT
from hydra_vertex.pipelines.compiler import COMPONENT_FILES, compile_pipeline, compile_to_file, write_components
from hydra_vertex.pipelines.machine_types import machine_from
from hydra_vertex.protocol.errors import OutputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    for suffix in ("json", "yaml"):
        compile_pipeline(folder / f"pipeline.{suffix}", image="gcr.io/p/i:1")
    return folder


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.suffix == ".json" else next(yaml.safe_load_all(path.read_text()))


def test_the_committed_component_files_are_up_to_date(tmp_path: Path) -> None:
    write_components(tmp_path)

    for name in COMPONENT_FILES:
        generated, committed = (without_kfp_version(folder / name) for folder in (tmp_path, ROOT))
        assert generated == committed, f"run `make components` for {name}"


def without_kfp_version(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if not line.startswith("sdkVersion: kfp-")]


def definitions(spec: dict[str, Any]) -> dict[str, Any]:
    """Return every input and output of a pipeline or component and of its parts, by path."""
    parts = {"root": spec["root"], **spec["components"]}
    return {
        f"{part}.{side}.{kind}.{name}": definition
        for part, content in parts.items()
        for side in ("inputDefinitions", "outputDefinitions")
        for kind in ("parameters", "artifacts")
        for name, definition in content.get(side, {}).get(kind, {}).items()
    }


def test_every_input_and_output_has_a_description(folder: Path) -> None:
    files = [folder / "pipeline.json", *(ROOT / name for name in COMPONENT_FILES)]
    for file in files:
        found = definitions(load(file))
        assert found
        assert [path for path, definition in found.items() if not definition.get("description")] == [], file.name


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_every_step_runs_the_given_image_with_exactly_the_executor_input(folder: Path, suffix: str) -> None:
    executors = load(folder / f"pipeline.{suffix}")["deploymentSpec"]["executors"]

    assert sorted(executors) == ["exec-retrain", "exec-select-best", "exec-tune"]
    for executor in executors.values():
        assert executor["container"]["image"] == "gcr.io/p/i:1"
        assert executor["container"]["args"] == ["--executor_input", "{{$}}"]
        assert executor["container"]["command"][:2] == ["python", "-m"]


def test_json_and_yaml_have_the_same_content_with_descriptions(folder: Path) -> None:
    assert load(folder / "pipeline.json") == load(folder / "pipeline.yaml")
    assert "Search space and objective, a StudySpec as JSON." in (folder / "pipeline.json").read_text()


def test_what_a_user_changes_per_run_is_a_parameter(folder: Path) -> None:
    parameters = load(folder / "pipeline.json")["root"]["inputDefinitions"]["parameters"]

    assert {"study_spec", "trial_job_spec", "max_trial_count", "parallel_trial_count", "metric"} < set(parameters)
    assert {name for name, spec in parameters.items() if spec.get("isOptional")} == {
        *("max_failed_trial_count", "retrain_overrides", "labels", "monitor", "sweeps", "aliases", "job_fields"),
        *("app_environment", "api_endpoint", "existing_job", "on_unsuccessful_job", "study_root"),
        *("metric_threshold", "on_missed_threshold", "retraining", "warm_start_key", "log_experiment"),
        *("max_cost", "max_worker_hours", "hourly_prices", "attach", "on_stop", "project", "location"),
        *("capacity_ladder", "confirm", "prefer", "engine"),
    }


def test_the_tune_step_is_never_cached(folder: Path) -> None:
    tasks = load(folder / "pipeline.json")["root"]["dag"]["tasks"]

    assert tasks["tune"]["cachingOptions"] == {}
    assert tasks["select-best"]["cachingOptions"] == {"enableCache": True}


def test_a_machine_is_set_for_the_retraining_only(tmp_path: Path) -> None:
    machine = machine_from(machine_type="g2-standard-8", accelerator="NVIDIA_L4")
    compile_pipeline(tmp_path / "p.json", machine=machine)

    executors = load(tmp_path / "p.json")["deploymentSpec"]["executors"]
    resources = executors["exec-retrain"]["container"]["resources"]
    assert (resources["cpuLimit"], resources["memoryLimit"]) == (8.0, 32.0)
    assert resources["accelerator"]["type"] == "NVIDIA_L4"


def test_the_other_steps_have_small_machines_and_are_retried(folder: Path) -> None:
    compiled = load(folder / "pipeline.json")
    tasks, executors = compiled["root"]["dag"]["tasks"], compiled["deploymentSpec"]["executors"]

    found = {name: executors[f"exec-{name}"]["container"].get("resources") for name in tasks}
    assert {name: (each["cpuRequest"], each["cpuLimit"]) for name, each in found.items() if each} == {
        "tune": (1.0, 1.0),
        "select-best": (2.0, 2.0),
    }
    assert [found[name]["memoryLimit"] for name in ("tune", "select-best")] == [2.0, 8.0]
    retries = {name: task.get("retryPolicy", {}).get("maxRetryCount", 0) for name, task in tasks.items()}
    assert retries == {"tune": 2, "select-best": 2, "retrain": 0}


def test_project_location_and_run_come_from_the_pipeline(folder: Path) -> None:
    compiled = load(folder / "pipeline.json")

    for part in (compiled["root"], compiled["components"]["comp-tune"]):
        parameters = part["inputDefinitions"]["parameters"]
        assert parameters["project"]["defaultValue"] == "{{$.pipeline_google_cloud_project_id}}"
        assert parameters["location"]["defaultValue"] == "{{$.pipeline_google_cloud_location}}"
    # A component file cannot forbid caching; a value that differs in each run does.
    component = load(ROOT / "components/hpt_launcher/component.yaml")
    run = component["root"]["inputDefinitions"]["parameters"]["pipeline_run"]
    assert run["defaultValue"] == "{{$.pipeline_job_uuid}}"


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    compile_pipeline(tmp_path / "p.json", image="gcr.io/p/i:1")

    assert (tmp_path / "p.json").read_bytes() == (folder / "pipeline.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"p\.txt: a pipeline file ends in \.json, \.yaml"):
        compile_pipeline(tmp_path / "p.txt")


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_the_compiled_pipeline_is_a_component_of_another_pipeline(folder: Path, tmp_path: Path, suffix: str) -> None:
    from kfp import dsl

    inner: Any = components.load_component_from_file(str(folder / f"pipeline.{suffix}"))

    @dsl.pipeline(name="outer")
    def outer(study_spec: str) -> float:
        task = inner(
            project="p",
            location="l",
            display_name="d",
            app_command='["python", "train.py"]',
            study_spec=study_spec,
            trial_job_spec="{}",
            max_trial_count=4,
            parallel_trial_count=2,
            metric="val/loss",
        )
        return task.outputs["best_value"]

    compile_to_file(outer, tmp_path / "outer.json")

    compiled = load(tmp_path / "outer.json")
    assert sorted(compiled["deploymentSpec"]["executors"]) == ["exec-retrain", "exec-select-best", "exec-tune"]


def test_the_component_files_work_in_a_pipeline_beside_google_s_components(tmp_path: Path) -> None:
    pytest.importorskip("google_cloud_pipeline_components", reason="`make google-components` runs this")
    from google_cloud_pipeline_components.types import artifact_types
    from google_cloud_pipeline_components.v1.model import ModelUploadOp
    from kfp import dsl

    tune, select, retrain = (
        components.load_component_from_file(str(ROOT / "components" / name))
        for name in ("hpt_launcher/component.yaml", "hpt_launcher/select_best.yaml", "hydra_trainer/component.yaml")
    )

    @dsl.pipeline(name="mine")
    def mine(study_spec: str) -> None:
        command = '["python", "train.py"]'
        tuned = tune(
            project="p",
            location="l",
            display_name="d",
            app_command=command,
            study_spec=study_spec,
            trial_job_spec="{}",
            max_trial_count=4,
            parallel_trial_count=2,
        )
        best = select(job=tuned.outputs["job"])
        trained = retrain(
            app_command=command, best_config=best.outputs["best_config"], overrides=best.outputs["overrides"]
        )
        serving = dsl.importer(
            artifact_uri="gs://b/model",
            artifact_class=artifact_types.UnmanagedContainerModel,
            metadata={"containerSpec": {"imageUri": "gcr.io/p/serve"}},
        ).after(trained)
        ModelUploadOp(display_name="m", unmanaged_container_model=serving.outputs["artifact"])

    compile_to_file(mine, tmp_path / "mine.json")

    tasks = load(tmp_path / "mine.json")["root"]["dag"]["tasks"]
    assert {"tune", "select-best", "retrain", "model-upload"} <= set(tasks)
