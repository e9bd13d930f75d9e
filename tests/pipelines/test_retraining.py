"""The retraining as a CustomJob, and the options of `compile` that describe it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiler import compile_pipeline
from hydra_vertex.pipelines.retraining import RetrainJob, require_retrain_job
from hydra_vertex.pipelines.trial_settings import Disk
from hydra_vertex.protocol.errors import UserError

KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
TENSORBOARD = "projects/p/locations/us-central1/tensorboards/1"
NETWORK = "projects/1/global/networks/n"


def compile_options(folder: Path, *options: str) -> int:
    return main(["compile", "-o", str(folder / "pipeline.json"), *options])


def compiled(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "pipeline.json").read_text())
    return document


def with_google_components() -> None:
    pytest.importorskip("google_cloud_pipeline_components", reason="google-components is not installed")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--spot",), "--strategy (--spot): a task of the pipeline cannot have it; add --retrain-as custom-job"),
        (("--timeout", "60"), "--timeout: a task of the pipeline cannot have it"),
        (("--max-wait", "60"), "--max-wait: a task"),
        (("--max-wait", "0"), "--max-wait: a task"),
        (("--restart", "job"), "--restart: a task"),
        (("--persistent-resource", "r"), "--persistent-resource: a task"),
        (("--disk", "pd-ssd:200"), "--disk: a task"),
        (("--service-account", "a@p"), "--service-account: a task"),
        (("--network", NETWORK), "--network: a task"),
        (("--encryption-key", KEY), "of the pipeline cannot have it"),
        (("--label", "a=b"), "--label: a task"),
        (("--tensorboard", TENSORBOARD), "--tensorboard: a task"),
        (("--retrain-as", "custom-job", "--cpu", "8"), "--cpu 8: a custom job has a machine type"),
        (("--retrain-as", "custom-job", "--memory", "8G"), "--memory 8G: a custom job has a machine type"),
        (("--retrain-as", "custom-job", "--network", "n"), "--network n: expected projects/PROJECT_NUMBER"),
        (
            ("--retrain-as", "custom-job", "--encryption-key", "k"),
            "expected projects/P/locations/L/keyRings/RING/cryptoKeys/KEY",
        ),
        (("--retrain-as", "custom-job", "--tensorboard", TENSORBOARD), "needs --service-account"),
        (("--retrain-as", "custom-job", "--max-wait", "60"), "--max-wait 60: only --strategy flex-start waits"),
        (("--retrain-as", "custom-job", "--max-wait", "24h"), "--max-wait 86400: only --strategy flex-start waits"),
        (("--retrain-as", "custom-job", "--spot", "--persistent-resource", "r"), "leave one of the two out"),
        (("--retrain-as", "custom-job", "--accelerator-count", "4"), "--accelerator-count 4: name the accelerator too"),
        (
            ("--retrain-as", "custom-job", "--machine-type", "g2-standard-24", "--accelerator-count", "4"),
            "--accelerator-count 4: name the accelerator too",
        ),
        (("--retrain-as", "custom-job", "--service-account", "me"), "--service-account me: expected an address such"),
        (("--retrain-as", "custom-job", "--machine-type", "x9-standard-4"), "--machine-type x9-standard-4: "),
        (
            ("--retrain-as", "custom-job", "--machine-type", "e2-standard-4", "--accelerator", "NVIDIA_TESLA_T4"),
            "--machine-type e2-standard-4: ",
        ),
    ],
)
def test_options_that_cannot_be_had_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], says: str
) -> None:
    assert compile_options(tmp_path, *options) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_newer_machine_passes_without_the_check() -> None:
    with pytest.raises(UserError, match="--no-machine-check"):
        require_retrain_job(RetrainJob(machine_type="x9-standard-4"))
    require_retrain_job(RetrainJob(machine_type="x9-standard-4"), is_checked=False)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "google_cloud_pipeline_components.v1.custom_job", None)

    with pytest.raises(UserError, match="pip install 'hydra-vertex\\[all,google-components\\]'"):
        compile_pipeline(tmp_path / "p.json", retrain_job=RetrainJob())


def test_every_option_is_a_field_of_the_custom_job(tmp_path: Path) -> None:
    with_google_components()
    options = (
        *("--retrain-as", "custom-job", "--machine-type", "g2-standard-8", "--strategy", "flex-start"),
        *("--max-wait", "1h", "--timeout", "7200", "--restart", "job"),
        *("--disk", "pd-standard:200", "--service-account", "a@p", "--network", NETWORK, "--encryption-key", KEY),
        *("--label", "team=x", "--tensorboard", TENSORBOARD, "--image", "gcr.io/p/i:1"),
    )

    assert compile_options(tmp_path, *options) == 0

    parameters = compiled(tmp_path)["components"]["comp-retrain"]["inputDefinitions"]["parameters"]
    found = {name: definition.get("defaultValue") for name, definition in parameters.items()}
    (pool,) = found.pop("worker_pool_specs")
    assert pool["machine_spec"] == {
        "machine_type": "g2-standard-8",
        "accelerator_type": "NVIDIA_L4",
        "accelerator_count": 1.0,
    }
    assert pool["disk_spec"] == {"boot_disk_type": "pd-standard", "boot_disk_size_gb": 200.0}
    assert pool["container_spec"]["image_uri"] == "gcr.io/p/i:1"
    assert {
        "strategy": "FLEX_START",
        "max_wait_duration": "3600s",
        "timeout": "7200s",
        "restart_job_on_worker_restart": True,
        "service_account": "a@p",
        "network": NETWORK,
        "encryption_spec_key_name": KEY,
        "tensorboard": TENSORBOARD,
        "labels": {"team": "x"},
    }.items() <= found.items()


def test_a_persistent_resource_is_a_field_of_the_custom_job(tmp_path: Path) -> None:
    with_google_components()

    assert compile_options(tmp_path, "--retrain-as", "custom-job", "--persistent-resource", "gpus") == 0

    parameters = compiled(tmp_path)["components"]["comp-retrain"]["inputDefinitions"]["parameters"]
    assert parameters["persistent_resource_id"]["defaultValue"] == "gpus"
    assert parameters["max_wait_duration"]["defaultValue"] == "86400s"


def test_the_same_file_runs_on_this_machine(tmp_path: Path) -> None:
    with_google_components()
    from hydra_vertex.pipelines.local.kfp_patches import PipelineIdentity, TuningPlace, kfp_patched
    from hydra_vertex.pipelines.local.steps import Step

    job = RetrainJob(disk=Disk("pd-ssd", 200), strategy="spot")
    compile_pipeline(tmp_path / "pipeline.json", retrain_job=job)
    executor = compiled(tmp_path)["deploymentSpec"]["executors"]["exec-retrain"]["container"]
    parameters = compiled(tmp_path)["components"]["comp-retrain"]["inputDefinitions"]["parameters"]
    values = {name: definition.get("defaultValue", "") for name, definition in parameters.items()}
    given = {"inputs": {"parameterValues": values}, "outputs": {"outputFile": str(tmp_path / "output.json")}}
    steps: list[Step] = []

    def keep(step: Step) -> bool:
        steps.append(step)
        return True

    with kfp_patched(PipelineIdentity("p", "l"), TuningPlace(), keep):
        from kfp.local import placeholder_utils

        command = placeholder_utils.replace_placeholders(
            full_command=[*executor["command"], *executor["args"]],
            executor_input_dict=given,
            pipeline_resource_name="r",
            task_resource_name="retrain",
            pipeline_root=str(tmp_path),
            unique_pipeline_id="1",
        )

    assert command[:4] == ["python", "-m", "hydra_vertex.trial", "--executor_input"]
    read = json.loads(command[4])["inputs"]["parameterValues"]
    assert read["project"] == "p"
    assert "worker_pool_specs" not in read
