"""The objects that a launch creates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.trials.engines.cluster_environ import NAMES
from hydra_vertex.service.trials.engines.contract import Launch, RefusedError
from hydra_vertex.service.trials.engines.kubernetes.documents import field, mapping, objects, text
from hydra_vertex.service.trials.engines.kubernetes.manifest import (
    host_of,
    job_manifest,
    job_name,
    literal,
    output_base,
    service_manifest,
)
from hydra_vertex.service.trials.engines.kubernetes.settings import parse_settings
from service.trials.engines.kubernetes.kube_cluster import SERVICE_ID, launch_of


def manifest(launch: Launch, settings: JsonObject | None = None, *, index: int = 0, nonce: str = "n0") -> JsonObject:
    return job_manifest(launch, launch.workers[index], parse_settings(settings or {}), SERVICE_ID, nonce, None)


def pod(document: JsonObject) -> JsonObject:
    return mapping(document, "spec", "template", "spec")


def container(document: JsonObject) -> JsonObject:
    return objects(pod(document), "containers")[0]


def variables(document: JsonObject) -> dict[str, str]:
    return {text(item, "name"): text(item, "value") for item in objects(container(document), "env")}


def test_a_job_is_never_repeated_by_kubernetes_and_is_removed_some_day(tmp_path: Path) -> None:
    document = manifest(launch_of(tmp_path, "true"))
    spec = mapping(document, "spec")
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert spec["ttlSecondsAfterFinished"] == 7 * 86400
    assert pod(document)["restartPolicy"] == "Never"


def test_the_time_limit_is_that_of_the_pod_and_begins_with_its_start(tmp_path: Path) -> None:
    document = manifest(launch_of(tmp_path, "true", timeout_s=90.5, grace_s=4.2))
    assert pod(document)["activeDeadlineSeconds"] == 91
    assert pod(document)["terminationGracePeriodSeconds"] == 5
    assert field(document, "spec", "activeDeadlineSeconds") is None


def test_the_job_is_found_by_its_name_and_labels(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, "true", labels={"team": "vision", "-odd": "ünicode"})
    document = manifest(launch, {"labels": {"kueue.x-k8s.io/queue-name": "trials"}})
    assert text(document, "metadata", "name") == job_name(launch.id, 0, 0) == f"{launch.id}-0-0"
    for metadata in (mapping(document, "metadata"), mapping(document, "spec", "template", "metadata")):
        assert mapping(metadata, "labels") == {
            "team": "vision",
            "kueue.x-k8s.io/queue-name": "trials",
            "hydra-vertex/service": SERVICE_ID,
            "hydra-vertex/launch": launch.id,
            "hydra-vertex/worker": "0-0",
        }
        assert json.loads(text(metadata, "annotations", "hydra-vertex/labels")) == {"-odd": "ünicode"}
        assert text(metadata, "annotations", "hydra-vertex/trial") == "1"


def test_the_security_of_a_pod_is_that_of_the_standard_restricted(tmp_path: Path) -> None:
    document = manifest(launch_of(tmp_path, "true"))
    assert field(pod(document), "securityContext", "runAsNonRoot") is True
    assert field(container(document), "securityContext") == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert field(pod(document), "automountServiceAccountToken") is False


def test_a_template_changes_the_defaults_and_adds_what_it_likes(tmp_path: Path) -> None:
    template: Json = {
        "metadata": {"annotations": {"note": "free text"}},
        "spec": {
            "serviceAccountName": "trainer",
            "automountServiceAccountToken": True,
            "securityContext": {"runAsNonRoot": False, "fsGroup": 5},
            "imagePullSecrets": [{"name": "registry"}],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "containers": [
                {"name": "sidecar", "image": "proxy:1"},
                {
                    "name": "trial",
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    "env": [{"name": "WANDB_MODE", "value": "offline"}, {"name": "BOTH", "value": "template"}],
                    "resources": {"limits": {"memory": "2Gi"}},
                },
            ],
        },
    }
    launch = launch_of(tmp_path, "train", environ={"BOTH": "job"})
    document = manifest(launch, {"podTemplate": template})
    spec = pod(document)
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("trainer", True)
    assert mapping(spec, "securityContext")["fsGroup"] == 5
    assert mapping(spec, "securityContext")["runAsNonRoot"] is False
    assert field(spec, "securityContext", "seccompProfile") == {"type": "RuntimeDefault"}
    assert [text(item, "name") for item in objects(spec, "containers")] == ["trial", "sidecar"]
    assert field(container(document), "resources", "limits", "memory") == "2Gi"
    assert variables(document)["WANDB_MODE"] == "offline"
    assert variables(document)["BOTH"] == "job"
    assert {text(item, "key") for item in objects(spec, "tolerations")} == {
        "spot",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
    assert text(document, "spec", "template", "metadata", "annotations", "note") == "free text"


def test_the_unbuffered_output_is_a_default(tmp_path: Path) -> None:
    template: Json = {"spec": {"containers": [{"name": "trial", "env": [{"name": "PYTHONUNBUFFERED", "value": "0"}]}]}}
    assert variables(manifest(launch_of(tmp_path, "train")))["PYTHONUNBUFFERED"] == "1"
    assert variables(manifest(launch_of(tmp_path, "train"), {"podTemplate": template}))["PYTHONUNBUFFERED"] == "0"
    launch = launch_of(tmp_path, "train", environ={"PYTHONUNBUFFERED": "job"})
    assert variables(manifest(launch, {"podTemplate": template}))["PYTHONUNBUFFERED"] == "job"


def test_the_variables_of_several_workers_are_those_that_a_template_may_not_state(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, "true", workers=2)
    alone = variables(manifest(launch_of(tmp_path, "true")))
    assert set(variables(manifest(launch))) - set(alone) == set(NAMES)


def test_a_variable_of_the_job_replaces_one_of_the_template_that_has_a_source(tmp_path: Path) -> None:
    secret: Json = {"secretKeyRef": {"name": "wandb", "key": "token"}}
    template: Json = {"spec": {"containers": [{"name": "trial", "env": [{"name": "TOKEN", "valueFrom": secret}]}]}}
    launch = launch_of(tmp_path, "train", environ={"TOKEN": "own"})
    found = [
        item
        for item in objects(container(manifest(launch, {"podTemplate": template})), "env")
        if text(item, "name") == "TOKEN"
    ]
    assert found == [{"name": "TOKEN", "value": "own"}]


def test_a_toleration_of_the_template_replaces_the_limit_of_a_lost_node(tmp_path: Path) -> None:
    key = "node.kubernetes.io/unreachable"
    own: JsonObject = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 900}
    document = manifest(launch_of(tmp_path, "true"), {"podTemplate": {"spec": {"tolerations": [own]}}})
    found = [item for item in objects(pod(document), "tolerations") if text(item, "key") == key]
    assert found == [own]


MACHINES: Json = {
    "NVIDIA_L4": {
        "limits": {"nvidia.com/gpu": 1},
        "nodeSelector": {"gpu": "l4"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    },
    "g2-standard-8": {"requests": {"cpu": 6, "memory": "24Gi"}},
}


@pytest.mark.parametrize(
    ("machine", "requests", "limits"),
    [
        ({}, None, None),
        ({"machineType": "local"}, None, None),
        ({"machineType": "n1-standard-4"}, {"cpu": "3000m", "memory": "10728Mi"}, None),
        ({"machineType": "g2-standard-8"}, {"cpu": "6", "memory": "24Gi"}, None),
        (
            {"machineType": "g2-standard-8", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 2},
            {"cpu": "6", "memory": "24Gi"},
            {"nvidia.com/gpu": "2"},
        ),
        ({"acceleratorType": "ACCELERATOR_TYPE_UNSPECIFIED"}, None, None),
    ],
)
def test_a_machine_becomes_requests_and_limits(
    tmp_path: Path, machine: JsonObject, requests: Json, limits: Json
) -> None:
    document = manifest(launch_of(tmp_path, "true", machine=machine), {"machines": MACHINES})
    assert field(container(document), "resources", "requests") == requests
    assert field(container(document), "resources", "limits") == limits


def test_an_accelerator_chooses_its_nodes(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, "true", machine={"acceleratorType": "NVIDIA_L4"})
    document = manifest(launch, {"machines": MACHINES, "podTemplate": {"spec": {"nodeSelector": {"zone": "a"}}}})
    assert field(pod(document), "nodeSelector") == {"zone": "a", "gpu": "l4"}
    assert "nvidia.com/gpu" in [text(item, "key") for item in objects(pod(document), "tolerations")]


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ({"acceleratorType": "NVIDIA_H100_80GB"}, "acceleratorType NVIDIA_H100_80GB: the engine's config file has no"),
        ({"machineType": "n1-standard-lots"}, "machineType n1-standard-lots: its size is unknown"),
        ({"machineType": "a3-highgpu-8g"}, "machineType a3-highgpu-8g: its size is unknown"),
    ],
)
def test_a_machine_without_a_meaning_is_refused_by_name(tmp_path: Path, machine: JsonObject, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        manifest(launch_of(tmp_path, "true", machine=machine), {"machines": MACHINES})


def test_only_the_chief_of_several_workers_reports_and_all_have_host_names(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, "true", workers=3)
    documents = [manifest(launch, index=index, nonce="n0" if index == 0 else "") for index in range(3)]
    assert ["HYDRA_TRIAL_METRIC_STREAM" in variables(document) for document in documents] == [True, False, False]
    hosts = [f"{pod(document)['hostname']}.{pod(document)['subdomain']}" for document in documents]
    assert hosts == [host_of(launch.id, *worker.place) for worker in launch.workers]
    cluster = json.loads(variables(documents[2])["CLUSTER_SPEC"])
    assert field(cluster, "task", "index") == 1
    assert field(cluster, "cluster", "workerpool0") == [f"{hosts[0]}:2222"]
    assert variables(documents[2])["MASTER_ADDR"] == hosts[0]


def test_one_worker_needs_no_host_name_service(tmp_path: Path) -> None:
    assert "subdomain" not in pod(manifest(launch_of(tmp_path, "true")))


def test_the_service_of_several_workers_is_headless_and_ends_with_the_chief(tmp_path: Path) -> None:
    launch = launch_of(tmp_path, "true", workers=2)
    owner: JsonObject = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u"}
    document = service_manifest(launch, SERVICE_ID, owner)
    assert text(document, "metadata", "name") == host_of(launch.id, 0, 0).partition(".")[2]
    assert mapping(document, "spec") == {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"hydra-vertex/launch": launch.id},
    }
    assert field(document, "metadata", "ownerReferences") == [owner]


def test_references_of_a_variable_are_resolved_as_on_vertex(tmp_path: Path) -> None:
    given = {"RUN": "trial-$(CLOUD_ML_TRIAL_ID)", "KEPT": "$(NOTHING) $$(CLOUD_ML_TRIAL_ID)"}
    found = variables(manifest(launch_of(tmp_path, "true", environ=given)))
    assert found["RUN"] == "trial-1"
    assert found["KEPT"] == literal("$(NOTHING) $(CLOUD_ML_TRIAL_ID)")


def test_a_reference_to_a_secret_stays_one(tmp_path: Path) -> None:
    given = {"TOKEN": "projects/p/secrets/token/versions/latest"}
    assert variables(manifest(launch_of(tmp_path, "true", environ=given)))["TOKEN"] == given["TOKEN"]


@pytest.mark.parametrize(
    ("word", "written"),
    [("plain", "plain"), ("$HOME", "$HOME"), ("$(A)", "$$(A)"), ("$$", "$$$$"), ("a$$b$(C)", "a$$$$b$$(C)")],
)
def test_kubernetes_replaces_nothing_in_a_word(word: str, written: str) -> None:
    assert literal(word) == written


@pytest.mark.parametrize(
    ("uri", "outputs", "base"),
    [
        ("gs://bucket/study", {}, "gs://bucket/study"),
        ("gs://bucket/study", {"gs://bucket": "/gcs/bucket"}, "/gcs/bucket/study"),
        ("gs://bucket/study", {"gs://buck": "/no", "gs://bucket/study/": "/mnt/s/"}, "/mnt/s"),
        ("/shared/study", {}, None),
        ("", {}, None),
    ],
)
def test_workers_see_the_output_folder_where_the_settings_put_it(
    tmp_path: Path, uri: str, outputs: Mapping[str, str], base: str | None
) -> None:
    launch = launch_of(tmp_path, "true", output_uri=uri)
    assert output_base(launch, outputs) == (base or str(launch.output_dir))


def test_a_local_output_folder_is_mapped_by_its_prefix(tmp_path: Path) -> None:
    launch = replace(launch_of(tmp_path, "true"), output_dir=Path("/srv/studies/jobs/7/output"))
    assert output_base(launch, {"/srv/studies": "/mnt/studies"}) == "/mnt/studies/jobs/7/output"


@pytest.mark.parametrize("image", ["", "local"])
def test_a_job_without_an_image_is_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(RefusedError, match="names no image"):
        manifest(launch_of(tmp_path, "true", image=image))
