"""The compiled pipeline that registers its model."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from hydra_vertex.pipelines.compiled_pipeline import object_at, read_pipeline
from hydra_vertex.pipelines.compiler import compile_pipeline
from hydra_vertex.pipelines.local.runnable import require_runnable
from hydra_vertex.pipelines.registration import Serving, serving_from
from hydra_vertex.protocol.errors import CommandError, UserError

HAS_COMPONENTS = importlib.util.find_spec("google_cloud_pipeline_components") is not None


def test_without_a_serving_image_nothing_is_registered() -> None:
    assert serving_from("", "") is None


def test_a_name_without_an_image_is_refused() -> None:
    with pytest.raises(UserError, match="--model-name docs: a model is registered only with --serving-image"):
        serving_from("", "docs")


@pytest.mark.skipif(HAS_COMPONENTS, reason="Google's components are installed")
def test_without_googles_components_their_extra_is_named() -> None:
    with pytest.raises(CommandError, match=r"pip install 'hydra-vertex\[google-components\]'"):
        serving_from("gcr.io/p/serve", "")


@pytest.mark.parametrize(("name", "display_name"), [("docs", "docs"), ("", None)])
def test_the_model_is_uploaded_with_its_serving_container_if_there_is_one(
    tmp_path: Path, name: str, display_name: str | None
) -> None:
    pytest.importorskip("google_cloud_pipeline_components", reason="`make google-components` runs this")
    assert serving_from("gcr.io/p/serve:1", name) == Serving("gcr.io/p/serve:1", name)
    file = tmp_path / "p.json"
    compile_pipeline(file, serving=Serving("gcr.io/p/serve:1", name))

    spec = json.loads(file.read_text())
    (condition,) = [task for task in spec["root"]["dag"]["tasks"].values() if "triggerPolicy" in task]
    assert "model_uri" in json.dumps(condition["inputs"])
    assert condition["triggerPolicy"]["condition"].endswith("!= ''")
    tasks = spec["components"][condition["componentRef"]["name"]]["dag"]["tasks"]
    assert sorted(tasks) == ["importer", "model-upload"]
    uploaded = tasks["model-upload"]["inputs"]
    assert uploaded["artifacts"]["unmanaged_container_model"]["taskOutputArtifact"]["producerTask"] == "importer"
    constant = uploaded["parameters"]["display_name"].get("runtimeValue", {}).get("constant")
    assert constant == display_name
    importer = spec["deploymentSpec"]["executors"]["exec-importer"]["importer"]
    assert importer["typeSchema"]["schemaTitle"] == "google.UnmanagedContainerModel"
    assert "gcr.io/p/serve:1" in json.dumps(importer["metadata"])
    with pytest.raises(UserError, match="the steps importer, model-upload can run only on Vertex AI"):
        require_runnable(read_pipeline(file))


def test_the_pipeline_without_registration_runs_here(tmp_path: Path) -> None:
    compile_pipeline(tmp_path / "p.json", image="train:1")

    pipeline = read_pipeline(tmp_path / "p.json")
    require_runnable(pipeline)  # raises for a step of Google's
    executors = object_at(pipeline.spec, "deploymentSpec", "executors")
    assert {object_at(executor, "container")["image"] for executor in executors.values()} == {"train:1"}
