"""The document with which a container is created."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import Launch, RefusedError, Worker
from hydra_vertex.service.trials.engines.docker.container import container_document, gpu_count
from hydra_vertex.service.trials.engines.docker.places import output_of
from hydra_vertex.service.trials.engines.docker.settings import DockerSettings, ExtraMount

SETTINGS = DockerSettings(user="1000:1000")
WORKER = Worker(0, 0, "image:1", ("program",), ("argument",))


def launch_of(*workers: Worker, uri: str = "gs://bucket/a/b", **changes: Any) -> Launch:
    output = {
        "": "/service/jobs/5/output",
        "gs://bucket": "/service/gcs/bucket",
        "gs://bucket/a/b": "/service/gcs/bucket/a/b",
    }
    launch = Launch(
        id="hv-1",
        job_id="5",
        trial_id="7",
        workers=workers or (WORKER,),
        folder=TrialFolder(Path("/service/jobs/5/trials/7")),
        output_uri=uri,
        output_dir=Path(output.get(uri, uri)),
        timeout_s=60,
        grace_s=4.5,
    )
    return replace(launch, **changes)


def document_of(launch: Launch, settings: DockerSettings = SETTINGS, **more: Any) -> Any:
    """Return the document of the chief, as Docker reads it."""
    return json.loads(json.dumps(container_document(launch, launch.workers[0], settings, "0a1b2c3d", **more)))


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,10}\Z").filter(lambda name: not name.startswith(("AIP", "CLOUD")))


@given(
    st.lists(TEXT, max_size=5).filter(lambda words: words[:1] != [""]),
    st.lists(TEXT, max_size=5),
    st.dictionaries(NAMES, TEXT.filter(lambda text: "$" not in text), max_size=4),
)
def test_every_text_is_passed_on_as_it_is(command: list[str], args: list[str], environ: dict[str, str]) -> None:
    worker = Worker(0, 0, "image", tuple(command), tuple(args), environ)

    document = document_of(launch_of(worker))

    assert document.get("Entrypoint", []) == command
    assert document["Cmd"] == args
    variables = dict(entry.split("=", 1) for entry in document["Env"])
    assert {name: variables[name] for name in environ} == environ


def test_a_container_has_no_rights_beyond_its_user_s() -> None:
    host = document_of(launch_of())["HostConfig"]

    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["RestartPolicy"] == {"Name": "no"}
    assert host["LogConfig"]["Type"] == "json-file"


def test_without_settings_there_are_no_limits() -> None:
    host = document_of(launch_of())["HostConfig"]

    assert not host.keys() & {"Memory", "NanoCpus", "ShmSize", "DeviceRequests", "Tmpfs"}
    assert host["NetworkMode"] == "bridge"
    assert host["Init"] is True
    assert host["ReadonlyRootfs"] is False


def test_the_limits_are_docker_s() -> None:
    settings = replace(SETTINGS, cpus=1.5, memory=1 << 30, shm_size=1 << 20, read_only=True, network="host", init=False)

    host = document_of(launch_of(), settings)["HostConfig"]

    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (1_500_000_000, 1 << 30, 1 << 30)
    assert (host["ShmSize"], host["NetworkMode"], host["Init"]) == (1 << 20, "host", False)
    assert host["ReadonlyRootfs"] is True
    assert host["Tmpfs"].keys() == {"/tmp"}  # noqa: S108 - in the container


def test_the_end_is_sigterm_and_the_grace_of_the_launch() -> None:
    document = document_of(launch_of())

    assert (document["StopSignal"], document["StopTimeout"]) == ("SIGTERM", 5)


@pytest.mark.parametrize(
    ("uri", "source", "target", "model"),
    [
        ("gs://bucket/a/b", "/service/gcs/bucket", "/gcs/bucket", "gs://bucket/a/b/7/model/"),
        ("gs://bucket", "/service/gcs/bucket", "/gcs/bucket", "gs://bucket/7/model/"),
        ("", "/service/jobs/5/output", "/gcs/hydra-vertex/5", "gs://hydra-vertex/5/7/model/"),
        ("/data/out", "/data/out", "/data/out", "/data/out/7/model/"),
    ],
)
def test_the_output_folder_is_mounted_as_on_vertex_ai(uri: str, source: str, target: str, model: str) -> None:
    document = document_of(launch_of(uri=uri))

    assert {"Type": "bind", "Source": source, "Target": target, "ReadOnly": False} in document["HostConfig"]["Mounts"]
    assert f"AIP_MODEL_DIR={model}" in document["Env"]
    assert "CLOUD_ML_HP_METRIC_FILE=/hydra-vertex/metrics.jsonl" in document["Env"]


def test_an_output_folder_elsewhere_is_mounted_at_its_own_place() -> None:
    output = output_of(launch_of(output_dir=Path("/elsewhere")))

    assert (str(output.source), output.target, output.base) == ("/elsewhere", "/gcs/bucket/a/b", "gs://bucket/a/b")


def test_a_custom_job_has_no_trial_id() -> None:
    document = document_of(launch_of(trial_id=""))

    assert "AIP_MODEL_DIR=gs://bucket/a/b/model/" in document["Env"]
    assert not [entry for entry in document["Env"] if entry.startswith("CLOUD_ML_TRIAL_ID")]


def test_extra_mounts_are_folders_and_volumes() -> None:
    settings = replace(SETTINGS, mounts=(ExtraMount("/data", "/d", read_only=True), ExtraMount("volume", "/v")))

    mounts = document_of(launch_of(), settings)["HostConfig"]["Mounts"]

    assert mounts[2:] == [
        {"Type": "bind", "Source": "/data", "Target": "/d", "ReadOnly": True},
        {"Type": "volume", "Source": "volume", "Target": "/v", "ReadOnly": False},
    ]


def test_variables_refer_to_others_as_on_vertex_ai() -> None:
    worker = replace(WORKER, environ={"A": "1", "B": "$(A)$(AIP_MODEL_DIR)", "C": "$$(A)", "AIP_MODEL_DIR": "own"})

    entries = document_of(launch_of(worker))["Env"]

    assert {"B=1gs://bucket/a/b/7/model/", "C=$(A)", "AIP_MODEL_DIR=gs://bucket/a/b/7/model/"} <= set(entries)


def test_a_reference_to_a_secret_gets_a_file_for_fingerprints() -> None:
    worker = replace(WORKER, environ={"KEY": "projects/p-1/secrets/s"})

    assert "HYDRA_TRIAL_FINGERPRINTS=/hydra-vertex/fingerprints.json" in document_of(launch_of(worker))["Env"]
    assert "FINGERPRINTS" not in str(document_of(launch_of()))


@pytest.mark.parametrize(
    ("settings", "machine", "expected"),
    [
        (None, {}, 0),
        (None, {"machineType": "n1-standard-4"}, 0),
        (None, {"acceleratorType": "NVIDIA_L4", "acceleratorCount": 2}, 2),
        (None, {"acceleratorCount": None}, 0),
        (0, {"acceleratorCount": 2}, 0),
        (3, {}, 3),
    ],
)
def test_the_number_of_gpus_is_the_setting_s_or_the_machine_s(
    settings: int | None, machine: JsonObject, expected: int
) -> None:
    assert gpu_count(replace(WORKER, machine=machine), replace(SETTINGS, gpus=settings)) == expected


@pytest.mark.parametrize("count", [-1, 1.5, "2", True])
def test_another_number_of_gpus_is_refused(count: Json) -> None:
    with pytest.raises(RefusedError, match=r"machineSpec\.acceleratorCount"):
        gpu_count(replace(WORKER, machine={"acceleratorCount": count}), SETTINGS)


def test_gpus_are_requested_by_name_or_by_number() -> None:
    settings = replace(SETTINGS, gpus=2)

    named = document_of(launch_of(), settings, gpus=("GPU-a", "GPU-b"))
    counted = document_of(launch_of(), settings)

    request = {"Driver": "", "Capabilities": [["gpu"]]}
    assert named["HostConfig"]["DeviceRequests"] == [{**request, "DeviceIDs": ["GPU-a", "GPU-b"]}]
    assert named["Labels"]["hydra-vertex/gpus"] == "GPU-a,GPU-b"
    assert counted["HostConfig"]["DeviceRequests"] == [{**request, "Count": 2}]


def test_labels_find_the_launch_and_keep_the_job_s() -> None:
    labels = document_of(launch_of(labels={"team": "a", "hydra-vertex/launch": "forged"}))["Labels"]

    assert labels == {
        "team": "a",
        "hydra-vertex/service": "0a1b2c3d",
        "hydra-vertex/launch": "hv-1",
        "hydra-vertex/job": "5",
        "hydra-vertex/trial": "7",
        "hydra-vertex/worker": "0-0",
    }


@pytest.mark.parametrize(
    ("network", "ports", "expected", "master"),
    [
        ("host", (3, 1, 2), {"workerpool0": ["127.0.0.1:1"], "workerpool1": ["127.0.0.1:2"]}, ("127.0.0.1", "3")),
        ("own", (), {"workerpool0": ["hv-1-0-0:2222"], "workerpool1": ["hv-1-1-0:2222"]}, ("hv-1-0-0", "3333")),
    ],
)
def test_several_workers_know_where_they_reach_each_other(
    network: str, ports: tuple[int, ...], expected: dict[str, list[str]], master: tuple[str, str]
) -> None:
    launch = launch_of(WORKER, replace(WORKER, pool=1))

    document = document_of(launch, replace(SETTINGS, network=network), ports=ports)

    variables = dict(entry.split("=", 1) for entry in document["Env"])
    assert json.loads(variables["CLUSTER_SPEC"])["cluster"] == expected
    assert (variables["MASTER_ADDR"], variables["MASTER_PORT"]) == master
    assert (variables["RANK"], variables["WORLD_SIZE"]) == ("0", "2")
