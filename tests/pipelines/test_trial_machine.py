from __future__ import annotations

from typing import Any

import pytest

from hydra_vertex.job import TrialJobSpec, parse_trial_job_spec
from hydra_vertex.pipelines.trial_machine import trial_job
from hydra_vertex.protocol.errors import UserError

EMPTY = TrialJobSpec(worker_pools=())
OPTIONS = {
    "image": "gcr.io/p/i:1",
    "machine_type": "g2-standard-8",
    "accelerator": "NVIDIA_L4",
    "accelerator_count": 1,
    "root": "gs://bucket/runs/",
}


def build(spec: TrialJobSpec = EMPTY, **changes: Any) -> TrialJobSpec:
    return trial_job(spec, **{**OPTIONS, **changes})


def test_the_flags_make_one_worker_pool_with_an_output_folder() -> None:
    spec = build(service_account="robot@p")

    (pool,) = spec.worker_pools
    assert pool.container is not None
    assert pool.container.image_uri == "gcr.io/p/i:1"
    assert pool.machine == {
        "machineType": "g2-standard-8",
        "acceleratorType": "NVIDIA_L4",
        "acceleratorCount": 1,
    }
    assert spec.base_output_uri == "gs://bucket/runs/trials"
    assert spec.other == {"serviceAccount": "robot@p"}


def test_without_an_accelerator_only_the_machine_type_is_set() -> None:
    assert build(accelerator="").worker_pools[0].machine == {"machineType": "g2-standard-8"}


def test_the_trial_job_spec_of_the_search_file_is_not_overridden() -> None:
    given = parse_trial_job_spec(
        {
            "workerPoolSpecs": [{"containerSpec": {"imageUri": "mine"}, "machineSpec": {"machineType": "n1"}}],
            "baseOutputDirectory": {"outputUriPrefix": "gs://other/x"},
            "serviceAccount": "own@p",
        }
    )

    assert build(given, image="", service_account="robot@p") == given


@pytest.mark.parametrize(
    ("changes", "says"), [({"image": ""}, "--image is missing"), ({"root": "runs"}, "--root runs: expected a folder")]
)
def test_a_trial_without_an_image_or_a_bucket_is_refused(changes: dict[str, str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        build(**changes)
