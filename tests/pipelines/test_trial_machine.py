"""What the options set in the trials' jobs, beside what a search file has."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hydra_vertex.job import ContainerSpec, WorkerPoolSpec, dump_trial_job_spec
from hydra_vertex.launcher.preflight.study_folder import study_folder
from hydra_vertex.pipelines.plan import TuningPlan, make_plan
from hydra_vertex.pipelines.trial_machine import new_study_id, with_own_folder, with_pools, with_trial_settings
from hydra_vertex.pipelines.trial_settings import RESTARTS, STRATEGIES, Disk, TrialSettings
from hydra_vertex.protocol.errors import UserError

STUDY = {
    "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}],
    "parameters": [{"parameterId": "lr", "doubleValueSpec": {"minValue": 0, "maxValue": 1}}],
}
REDUCTION = {
    "machineSpec": {"machineType": "n1-highcpu-16"},
    "replicaCount": 4,
    "containerSpec": {"imageUri": "us-docker.pkg.dev/vertex-ai-restricted/training/reductionserver:latest"},
}


def plan(folder: Path, trial_job: dict[str, Any] | None = None, **other: Any) -> TuningPlan:
    file = folder / "search.yaml"
    file.write_text(
        yaml.safe_dump({"displayName": "docs", "studySpec": STUDY, "trialJobSpec": trial_job or {}, **other})
    )
    return make_plan(file, ("python", "train.py"))


def pool(image: str = "theirs", **machine: Any) -> dict[str, Any]:
    return {"machineSpec": {"machineType": "n1-standard-8", **machine}, "containerSpec": {"imageUri": image}}


def settings(**given: Any) -> TrialSettings:
    return TrialSettings(**{"root": "gs://bucket/runs/", "image": "gcr.io/p/i:1", **given})


def spec(given: TuningPlan, **asked: Any) -> dict[str, Any]:
    plan = with_own_folder(with_trial_settings(given, settings(**asked)), "1")
    return dict(dump_trial_job_spec(plan.trial_job_spec))


def machines(given: TuningPlan, **asked: Any) -> list[dict[str, Any]]:
    return [each.get("machineSpec", {}) for each in spec(given, **asked)["workerPoolSpecs"]]


def test_without_options_there_is_one_pool_with_the_image_and_the_study_s_own_output_folder(tmp_path: Path) -> None:
    assert spec(plan(tmp_path)) == {
        "workerPoolSpecs": [
            {
                "machineSpec": {"machineType": "n1-standard-4"},
                "containerSpec": {"imageUri": "gcr.io/p/i:1"},
                "replicaCount": "1",
            }
        ],
        "baseOutputDirectory": {"outputUriPrefix": "gs://bucket/runs/docs-1/trials"},
    }


def test_two_studies_of_one_second_have_different_folders() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 5)

    folders = [study_folder("gs://b/r/", "my study/€", new_study_id(moment, token)) for token in ("1a2b3c", "4d5e6f")]

    assert folders == [f"gs://b/r/my-study-20260131-120005-{token}/trials" for token in ("1a2b3c", "4d5e6f")]


def test_each_run_of_the_pipeline_makes_the_folder(tmp_path: Path) -> None:
    result = with_trial_settings(plan(tmp_path), settings())

    assert result.trial_job_spec.base_output_uri == ""
    assert result.pipeline_arguments(project="p", location="l")["study_root"] == "gs://bucket/runs/"
    assert "study_root" not in plan(tmp_path).pipeline_arguments(project="p", location="l")


def test_the_output_folder_of_the_search_file_stays(tmp_path: Path) -> None:
    given = plan(tmp_path, {"baseOutputDirectory": {"outputUriPrefix": "gs://other/x"}})

    assert spec(given, root="")["baseOutputDirectory"] == {"outputUriPrefix": "gs://other/x"}
    assert with_trial_settings(given, settings()).study_root == ""


OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "strategy": ({"strategy": "SPOT"}, {"scheduling": {"strategy": "SPOT"}}),
    "wait": (
        {"strategy": "FLEX_START", "max_wait_s": 3600.0},
        {"scheduling": {"strategy": "FLEX_START", "maxWaitDuration": "3600s"}},
    ),
    "no limit": (
        {"strategy": "FLEX_START", "max_wait_s": 0.0},
        {"scheduling": {"strategy": "FLEX_START", "maxWaitDuration": "0s"}},
    ),
    "restart": ({"restart": "never"}, {"scheduling": dict(RESTARTS["never"])}),
    "resource": ({"persistent_resource": "my-gpus"}, {"persistentResourceId": "my-gpus"}),
    "network": (
        {"network": "projects/1/global/networks/n", "reserved_ip_ranges": ("r",)},
        {"network": "projects/1/global/networks/n", "reservedIpRanges": ["r"]},
    ),
    "attachment": ({"network_attachment": "a"}, {"pscInterfaceConfig": {"networkAttachment": "a"}}),
    "account": ({"account": "robot@p"}, {"serviceAccount": "robot@p"}),
    "own account": ({"account": "robot@p", "trial_account": "trial@p"}, {"serviceAccount": "trial@p"}),
    "tensorboard": (
        {"tensorboard": "projects/p/locations/l/tensorboards/1", "account": "robot@p"},
        {"tensorboard": "projects/p/locations/l/tensorboards/1", "serviceAccount": "robot@p"},
    ),
}
FROM_FILE = {
    "scheduling": {"strategy": "STANDARD", "restartJobOnWorkerRestart": True, "maxWaitDuration": "60s"},
    "network": "projects/1/global/networks/theirs",
    "reservedIpRanges": ["theirs"],
    "pscInterfaceConfig": {"networkAttachment": "theirs"},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_sets_its_field(tmp_path: Path, case: str) -> None:
    asked, expected = OPTIONS[case]

    assert spec(plan(tmp_path), **asked).items() >= expected.items()


@pytest.mark.parametrize("case", sorted(set(OPTIONS) - {"account"}))
def test_an_option_replaces_the_same_field_of_the_file(tmp_path: Path, case: str) -> None:
    asked, expected = OPTIONS[case]

    result = spec(plan(tmp_path, FROM_FILE), **asked)

    for name, value in expected.items():
        assert result[name].items() >= value.items() if isinstance(value, dict) else result[name] == value


def test_the_pipelines_account_does_not_replace_the_trials_account_of_the_file(tmp_path: Path) -> None:
    given = plan(tmp_path, {"serviceAccount": "own@p"})

    assert spec(given, account="robot@p")["serviceAccount"] == "own@p"
    assert spec(given, account="robot@p", trial_account="trial@p")["serviceAccount"] == "trial@p"


def test_a_key_and_labels_reach_the_job_and_replace_those_of_the_file(tmp_path: Path) -> None:
    given = plan(tmp_path, labels={"team": "a", "kept": "b"}, encryptionSpec={"kmsKeyName": "theirs"})
    key = "projects/p/locations/l/keyRings/r/cryptoKeys/k"

    result = with_trial_settings(given, settings(encryption_key=key, labels={"team": "c"}))

    assert result.labels == {"team": "c", "kept": "b"}
    assert result.job_fields == {"encryptionSpec": {"kmsKeyName": key}}


T4 = {"acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 2}
MACHINES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "type": ({}, {"machine_type": "n1-highmem-8"}, {"machineType": "n1-highmem-8"}),
    "a type without the file's accelerator": (T4, {"machine_type": "e2-standard-8"}, {"machineType": "e2-standard-8"}),
    "a type with its own accelerators": (
        T4,
        {"machine_type": "g2-standard-24"},
        {"machineType": "g2-standard-24", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 2},
    ),
    "the accelerators that a type has": (
        {},
        {"machine_type": "g2-standard-24", "accelerator": "NVIDIA_L4"},
        {"machineType": "g2-standard-24", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 2},
    ),
    "accelerator": (
        {},
        {"accelerator": "NVIDIA_TESLA_T4"},
        {"machineType": "n1-standard-8", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 1},
    ),
    "number": (
        T4,
        {"accelerator_count": 4},
        {"machineType": "n1-standard-8", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 4},
    ),
    "what has no option": (
        {"reservationAffinity": {"reservationAffinityType": "ANY_RESERVATION"}},
        {"machine_type": "n1-highmem-8"},
        {
            "machineType": "n1-highmem-8",
            "reservationAffinity": {"reservationAffinityType": "ANY_RESERVATION"},
        },
    ),
}


@pytest.mark.parametrize("case", MACHINES)
def test_a_machine_option_replaces_the_machine_of_the_file(tmp_path: Path, case: str) -> None:
    machine, asked, expected = MACHINES[case]

    assert machines(plan(tmp_path, {"workerPoolSpecs": [pool(**machine)]}), **asked) == [expected]


def test_image_and_disk_are_set_in_every_pool_that_runs_the_app_and_in_no_server(tmp_path: Path) -> None:
    given = plan(tmp_path, {"workerPoolSpecs": [pool(), pool(), REDUCTION]})

    pools = spec(given, disk=Disk("pd-ssd", 200))["workerPoolSpecs"]

    assert [each["containerSpec"]["imageUri"].rpartition("/")[2] for each in pools] == [
        *("i:1", "i:1"),
        "reductionserver:latest",
    ]
    disk = {"bootDiskType": "pd-ssd", "bootDiskSizeGb": 200}
    assert [each.get("diskSpec") for each in pools] == [disk, disk, None]


def test_a_machine_option_sets_the_only_pool_that_runs_the_app(tmp_path: Path) -> None:
    given = plan(tmp_path, {"workerPoolSpecs": [pool(), {}, REDUCTION]})

    assert [each.get("machineType") for each in machines(given, machine_type="n1-highmem-8")] == [
        *("n1-highmem-8", None),
        "n1-highcpu-16",
    ]


def test_pools_of_the_options_are_those_of_the_trials(tmp_path: Path) -> None:
    first = WorkerPoolSpec(container=ContainerSpec(), machine={"machineType": "n1-standard-8"})
    second = WorkerPoolSpec(container=ContainerSpec("own"), machine={"machineType": "n1-standard-4"}, replica_count=3)

    pools = spec(plan(tmp_path), pools=(first, second))["workerPoolSpecs"]

    assert [each["containerSpec"]["imageUri"] for each in pools] == ["gcr.io/p/i:1", "own"]
    assert [each["replicaCount"] for each in pools] == ["1", "3"]


ONE_POOL = {"workerPoolSpecs": [pool()]}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no image": ({}, {"image": ""}, "--image is missing"),
    "no bucket": ({}, {"root": "runs"}, "--root runs: expected a folder in a bucket"),
    "no root": ({}, {"root": ""}, "--root is missing: expected a folder in a bucket"),
    "several pools": (
        {"workerPoolSpecs": [pool(), pool()]},
        {"machine_type": "n1-highmem-8"},
        "--trial-machine-type: .*search.yaml has 2 worker pools that run the app",
    ),
    "pools twice": (ONE_POOL, {"pools": (WorkerPoolSpec(),)}, "--worker-pool-spec gives others; remove one"),
    "a machine beside pools": (
        {},
        {"pools": (WorkerPoolSpec(),), "accelerator": "NVIDIA_L4"},
        "--trial-accelerator: --worker-pool-spec has the machines",
    ),
    "a number of nothing": ({}, {"accelerator_count": 2}, "--trial-accelerator-count: name the accelerator too"),
    "a wait without a queue": ({}, {"max_wait_s": 1.0}, "--max-wait has an effect with the strategy FLEX_START only"),
    "spot machines that exist": (
        {"persistentResourceId": "r"},
        {"strategy": "SPOT"},
        "persistentResourceId .* uses machines that exist",
    ),
    "logs of nobody": (
        {},
        {"tensorboard": "projects/p/locations/l/tensorboards/1"},
        "tensorboard .* needs a service account",
    ),
    "ranges of no network": ({}, {"reserved_ip_ranges": ("r",)}, "add --network"),
    "a label of ours": ({}, {"labels": {"hydra-vertex-seed": "1"}}, "--label hydra-vertex-seed: the labels that"),
    "network": ({}, {"network": "default"}, "--network default: expected projects/PROJECT_NUMBER/global/networks/"),
    "key": ({}, {"encryption_key": "k"}, "--encryption-key k: expected projects/P/locations/L/keyRings/"),
    "tensorboard": ({}, {"tensorboard": "1"}, "--tensorboard 1: expected projects/P/locations/L/tensorboards/ID"),
    "resource": ({}, {"persistent_resource": "projects/p/x"}, "--persistent-resource projects/p/x: expected the id"),
    "account": ({}, {"trial_account": "robot"}, "--trial-service-account robot: expected an address"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_applied_is_refused_by_name(tmp_path: Path, case: str) -> None:
    given, asked, says = REFUSED[case]

    with pytest.raises(UserError, match=says) as refusal:
        spec(plan(tmp_path, given), **asked)
    assert "\n" not in str(refusal.value)


def test_the_strategies_are_values_of_the_api() -> None:
    from google.cloud.aiplatform_v1.types import Scheduling

    assert set(STRATEGIES.values()) <= {strategy.name for strategy in Scheduling.Strategy}
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)?", name) for name in STRATEGIES)


def test_an_accelerator_alone_names_no_machine_of_vertex_ai_for_an_engine(tmp_path: Path) -> None:
    given = plan(tmp_path, {"workerPoolSpecs": [{"containerSpec": {"imageUri": "theirs"}}]})
    found = with_pools(given, TrialSettings(accelerator="NVIDIA_L4")).trial_job_spec.worker_pools
    assert found[0].machine == {"machineType": "local", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 1}
