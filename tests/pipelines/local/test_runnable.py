"""Pipelines with a step of Google's are refused here, before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.pipelines.compiled_pipeline import CompiledPipeline
from hydra_vertex.pipelines.local.kfp_patches import CUSTOM_JOB_LAUNCHER
from hydra_vertex.pipelines.local.runnable import require_runnable
from hydra_vertex.protocol.errors import UserError

OURS = {"container": {"image": "hydra-vertex:latest", "command": ["python", "-m", "hydra_vertex.trial"]}}
GOOGLE = {
    "container": {
        "image": "gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0",
        "command": ["python3", "-u", "-m", "google_cloud_pipeline_components.container.v1.model.upload_model.launcher"],
    }
}
MIRRORED = {"container": {**GOOGLE["container"], "image": "mirror.example/gcpc:1"}}
CUSTOM_JOB = {"container": {**GOOGLE["container"], "command": ["python3", "-u", "-m", CUSTOM_JOB_LAUNCHER]}}
IMPORTED = {"importer": {"typeSchema": {"schemaTitle": "google.UnmanagedContainerModel"}}}
OWN_IMPORT = {"importer": {"typeSchema": {"schemaTitle": "system.Dataset"}}}


def pipeline(**executors: Any) -> CompiledPipeline:
    named = {f"exec-{name.replace('_', '-')}": executor for name, executor in executors.items()}
    return CompiledPipeline(Path("p.json"), {"deploymentSpec": {"executors": named}})


def refusal(of: CompiledPipeline) -> str:
    """Return why a pipeline cannot run on this machine; empty when it can."""
    try:
        require_runnable(of)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("executors", "steps"),
    [
        ({"retrain": OURS, "model_upload": GOOGLE}, "the step model-upload can"),
        ({"model_upload": MIRRORED}, "the step model-upload can"),
        ({"importer": IMPORTED, "model_upload": GOOGLE}, "the steps importer, model-upload can"),
    ],
)
def test_steps_of_google_are_named(executors: dict[str, Any], steps: str) -> None:
    says = refusal(pipeline(**executors))

    assert says.startswith(f"p.json: {steps} run only on Vertex AI")
    assert "without --serving-image" in says


@pytest.mark.parametrize("executors", [{"retrain": OURS}, {"importer": OWN_IMPORT}, {"retrain": CUSTOM_JOB}, {}])
def test_steps_that_can_run_on_this_machine_are_accepted(executors: dict[str, Any]) -> None:
    assert refusal(pipeline(**executors)) == ""
