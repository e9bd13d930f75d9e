"""Pipelines for Kubeflow Pipelines without Vertex AI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiler import compile_pipeline

DEVICE = ("--accelerator", "nvidia.com/gpu", "--accelerator-count", "2", "--cpu", "4", "--memory", "16G")
KEPT = ("--engine-folder", "/mnt/studies/a", "--volume", "studies:/mnt/studies")
EXTENSIONS = (
    *("--node-selector", "cloud.google.com/gke-accelerator=nvidia-l4", "--toleration", "nvidia.com/gpu:NoSchedule"),
    *("--toleration", "team=ml", "--volume", "studies:/mnt/studies", "--service-access", "tuning:key"),
)


def compiled(folder: Path, *options: str, name: str = "pipeline.yaml") -> list[dict[str, Any]]:
    """Compile, and return the documents of the file."""
    file = folder / name
    assert main(["compile", "-o", str(file), *options]) == 0
    return [json.loads(file.read_text())] if file.suffix == ".json" else list(yaml.safe_load_all(file.read_text()))


def resources(spec: dict[str, Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"].get("resources", {})
    return found


@pytest.mark.parametrize("name", ["pipeline.yaml", "pipeline.json"])
def test_the_engine_is_the_default_of_a_parameter(tmp_path: Path, name: str) -> None:
    config = tmp_path / "engine.yaml"
    config.write_text("machines: {NVIDIA_L4: {limits: {nvidia.com/gpu: 1}}}\n")
    options = ("--engine", "kubernetes", "--engine-config", str(config), "--engine-set", "nodeLossLimit=5m")

    (spec,) = compiled(tmp_path, *options, name=name)

    parameter = spec["root"]["inputDefinitions"]["parameters"]["engine"]
    assert parameter["isOptional"]
    assert json.loads(parameter["defaultValue"]) == {
        "name": "kubernetes",
        "settings": {"machines": {"NVIDIA_L4": {"limits": {"nvidia.com/gpu": 1}}}, "nodeLossLimit": "5m"},
    }
    assert spec["root"]["dag"]["tasks"]["tune"]["inputs"]["parameters"]["engine"] == {
        "componentInputParameter": "engine"
    }


def test_without_an_engine_the_parameter_is_empty(tmp_path: Path) -> None:
    (spec,) = compiled(tmp_path)
    assert spec["root"]["inputDefinitions"]["parameters"]["engine"]["defaultValue"] == ""


def test_the_folder_of_the_study_is_part_of_the_engine(tmp_path: Path) -> None:
    pytest.importorskip("kfp.kubernetes")
    spec, _ = compiled(tmp_path, "--engine", "kubernetes", *KEPT)
    text = spec["root"]["inputDefinitions"]["parameters"]["engine"]["defaultValue"]
    assert json.loads(text) == {"name": "kubernetes", "folder": "/mnt/studies/a"}


@pytest.mark.parametrize(
    ("options", "retries"),
    [((), 2), (("--engine", "kubernetes"), None), (("--engine", "kubernetes", *KEPT), 2)],
)
def test_a_study_that_ends_with_its_pod_is_not_run_again_when_it_fails(
    tmp_path: Path, options: Sequence[str], retries: int | None
) -> None:
    if KEPT[0] in options:
        pytest.importorskip("kfp.kubernetes")
    spec, *_ = compiled(tmp_path, *options)
    policy = spec["root"]["dag"]["tasks"]["tune"].get("retryPolicy", {})
    assert policy.get("maxRetryCount") == retries


def test_every_step_has_requests_on_a_cluster(tmp_path: Path) -> None:
    (chosen,) = compiled(tmp_path, "--engine", "kubernetes", *DEVICE)
    (free,) = compiled(tmp_path, "--engine", "kubernetes")

    for step in ("tune", "select-best", "retrain"):
        for spec in (chosen, free):
            assert {"resourceCpuRequest", "resourceMemoryRequest"} <= set(resources(spec, step)), step
    retraining = resources(chosen, "retrain")
    assert (retraining["accelerator"]["resourceType"], retraining["accelerator"]["resourceCount"]) == (
        "nvidia.com/gpu",
        "2",
    )
    assert (retraining["resourceCpuLimit"], retraining["resourceCpuRequest"]) == ("4", "4")
    assert "resourceMemoryLimit" not in resources(free, "retrain")


def test_nodes_volumes_and_the_token_are_settings_of_kubernetes(tmp_path: Path) -> None:
    pytest.importorskip("kfp.kubernetes")
    _, platform = compiled(tmp_path, *EXTENSIONS)

    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    retraining = executors["exec-retrain"]
    assert retraining["nodeSelector"]["labels"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert retraining["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "operator": "Equal", "value": "ml"},
    ]
    for executor in executors.values():
        (mount,) = executor["pvcMount"]
        assert (mount["constant"], mount["mountPath"]) == ("studies", "/mnt/studies")
    for step in ("exec-tune", "exec-select-best"):
        (secret,) = executors[step]["secretAsEnv"]
        assert secret["secretName"] == "tuning"
        assert secret["keyToEnv"] == [{"secretKey": "key", "envVar": "HYDRA_VERTEX_TOKEN"}]
    assert "secretAsEnv" not in retraining


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine-set", "a=b"), "--engine-set needs --engine kubernetes"),
        (("--engine-folder", "/a"), "--engine-folder needs --engine kubernetes"),
        (("--engine", "docker"), "argument --engine: invalid choice: 'docker'"),
        (("--engine", "kubernetes", "--engine-set", "machine=1"), "engine kubernetes: unknown key 'machine'"),
        (
            ("--engine", "kubernetes", "--engine-set", "labels={hydra-vertex-step: a}"),
            "engine.settings.labels.hydra-vertex-step: the step sets it itself",
        ),
        (("--engine", "kubernetes", "--engine-folder", "pvc"), "--engine-folder pvc: expected an absolute path"),
        (("--engine", "kubernetes", "--engine-folder", "/a"), "is on no volume of the step; add --volume CLAIM:/a"),
        (("--engine", "kubernetes", "--accelerator", "NVIDIA_L4"), "--accelerator NVIDIA_L4: is a name of Vertex AI"),
        (("--engine", "kubernetes", "--machine-type", "g2-standard-8"), "--accelerator NVIDIA_L4: is a name of Vertex"),
        (("--engine", "kubernetes", "--serving-image", "i"), "--serving-image: only Vertex AI registers models"),
        (("--engine", "kubernetes", "--retrain-as", "custom-job"), "--retrain-as custom-job: is a job of Vertex AI"),
        (
            ("--engine", "kubernetes", "--service-access", "a"),
            "--service-access: with --engine the step has a service of",
        ),
        (
            ("--retrain-as", "custom-job", "--machine-type", "n1-standard-4", "--accelerator", "nvidia.com/gpu"),
            "nvidia",
        ),
        (("--accelerator", "nvidia.com/"), "--accelerator nvidia.com/: expected the resource of a device plugin"),
        (("--node-selector", "a"), "expected a label of nodes, KEY=VALUE"),
        (("--node-selector=-a=b",), "expected a label of nodes, KEY=VALUE"),
        (("--toleration", "a:Never"), "the effects are NoSchedule, PreferNoSchedule, NoExecute"),
        (("--toleration", "a="), "expected KEY, KEY=VALUE"),
        (("--volume", "studies"), "expected the name of a PersistentVolumeClaim and an absolute path"),
        (("--volume", "studies:mnt"), "expected the name of a PersistentVolumeClaim and an absolute path"),
        (("--service-access", "a:b:c"), "expected the name of a Secret"),
        (("--service-access", "A"), "expected the name of a Secret"),
    ],
)
def test_what_a_cluster_cannot_have_is_refused_by_name(
    tmp_path: Path, options: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pipeline.yaml"
    try:
        code = main(["compile", "-o", str(file), *options])
    except SystemExit as error:
        code = int(error.code or 0)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not file.exists()


def test_a_json_file_cannot_have_settings_of_kubernetes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "-o", str(tmp_path / "p.json"), "--volume", "a:/b"]) == 2
    assert "a .json file cannot have node selectors, tolerations, volumes and secrets" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--engine", "kubernetes"), "an engine"),
        (("--accelerator", "nvidia.com/gpu"), "the accelerator nvidia.com/gpu"),
        (("--volume", "a:/b"), "node selectors, tolerations, volumes or secrets"),
    ],
)
def test_vertex_pipelines_does_not_get_a_pipeline_for_a_cluster(
    tmp_path: Path, options: Sequence[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--volume" in options:
        pytest.importorskip("kfp.kubernetes")
    compiled(tmp_path, *options)
    place = ("--project", "p", "--location", "europe-west4", "--root", "gs://b/r", "--image", "i", "--no-check")
    search = tmp_path / "search.yaml"
    search.write_text(
        "hydra: {sweeper: {optimized_metric: loss, direction: minimize, params: {lr: 'interval(0.1, 1)'}}}\n"
    )

    code = main(
        ["submit", str(tmp_path / "pipeline.yaml"), *place, "--search", str(search), "--", "python", "train.py"]
    )

    assert code == 2
    assert f"was compiled for a cluster without Vertex AI: it has {part};" in capsys.readouterr().err


def test_a_pipeline_for_vertex_ai_has_only_what_it_had(tmp_path: Path) -> None:
    compile_pipeline(tmp_path / "p.yaml")
    assert len(list(yaml.safe_load_all((tmp_path / "p.yaml").read_text()))) == 1
