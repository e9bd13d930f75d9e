from __future__ import annotations

import pytest

from hydra_vertex.job import parse_trial_job_spec
from hydra_vertex.launcher.machine_table import (
    ATTACHED_TO_N1,
    SERIES,
    TABLE_DATE,
    TPU_MACHINES,
    WITH_ACCELERATORS,
)
from hydra_vertex.pipelines.machine_pairs import accelerators, machine_problem, pool_problems, require_known_machines
from hydra_vertex.protocol.errors import UserError

EXISTS = [
    ("", "", 0),
    ("c4-standard-288", "", 0),
    ("n4-highmem-80", "", 0),
    ("m1-ultramem-160", "", 0),
    ("g2-standard-24", "", 0),
    ("g4-standard-192", "NVIDIA_RTX_PRO_6000", 4),
    ("a3-ultragpu-8g", "NVIDIA_H200_141GB", 8),
    ("a4-highgpu-8g", "NVIDIA_B200", 8),
    ("a4x-highgpu-4g", "NVIDIA_GB200", 4),
    ("n1-standard-96", "NVIDIA_TESLA_T4", 4),
    ("n1-highmem-8", "NVIDIA_TESLA_V100", 1),
    ("cloud-tpu", "TPU_V3", 8),
    ("ct5lp-hightpu-4t", "", 0),
    ("ct6e-standard-8t", "", 0),
]
DOES_NOT = [
    ("n1-standard-3", "", 0, "n1-standard has 1, 2, 4"),
    ("n1-standard-04", "", 0, "no machine type n1-standard-04 is known"),
    ("g2-standard-5", "", 0, "there are g2-standard-4, g2-standard-8"),
    ("x9-large-2", "", 0, "the families are a2, a3"),
    ("n1-standard-8", "NVIDIA_L4", 1, "NVIDIA_L4 is in g2-standard-4"),
    ("n2-standard-8", "NVIDIA_TESLA_T4", 1, "an n1 machine takes 1, 2 or 4 NVIDIA_TESLA_T4"),
    ("n1-standard-8", "NVIDIA_TESLA_T4", 3, "a machine has 1, 2 or 4 NVIDIA_TESLA_T4, not 3"),
    ("n1-standard-64", "NVIDIA_TESLA_T4", 2, "2 NVIDIA_TESLA_T4 can have at most 48 vCPUs, and n1-standard-64 has 64"),
    ("a2-highgpu-2g", "NVIDIA_TESLA_A100", 1, "a2-highgpu-2g has 2 NVIDIA_TESLA_A100, not 1"),
    ("a2-highgpu-1g", "NVIDIA_A100_80GB", 1, "a2-highgpu-1g has 1 NVIDIA_TESLA_A100, not 1 NVIDIA_A100_80GB"),
    ("cloud-tpu", "", 0, "cloud-tpu has TPU_V2 or TPU_V3, not none"),
    ("cloud-tpu", "TPU_V2", 4, "cloud-tpu has 8, 32, 64, 128, 256 or 512 TPU_V2, not 4"),
    ("ct6e-standard-4t", "NVIDIA_L4", 1, "ct6e-standard-4t has no accelerator, not NVIDIA_L4"),
    ("n1-standard-4", "NVIDIA_L5", 1, "no accelerator NVIDIA_L5 is known; did you mean 'NVIDIA_L4'"),
]


@pytest.mark.parametrize(("machine_type", "accelerator", "count"), EXISTS)
def test_a_machine_that_exists_has_no_problem(machine_type: str, accelerator: str, count: int) -> None:
    assert machine_problem(machine_type, accelerator, count) == ""


@pytest.mark.parametrize(("machine_type", "accelerator", "count", "says"), DOES_NOT)
def test_a_machine_that_does_not_exist_is_described(machine_type: str, accelerator: str, count: int, says: str) -> None:
    assert says in machine_problem(machine_type, accelerator, count)


def test_every_machine_of_the_table_exists() -> None:
    series = [f"{name}-{size}" for name, (_, sizes) in SERIES.items() for size in sizes]
    with_own = [(name, own, number) for name, (own, number, *_) in WITH_ACCELERATORS.items()]
    tpus = [(name, own, 8 if own else 0) for name, names in TPU_MACHINES.items() for own in names]
    attached = [("n1-highmem-4", name, count) for name, counts in ATTACHED_TO_N1.items() for count in counts]

    for machine in [*((name, "", 0) for name in series), *with_own, *tpus, *attached]:
        assert machine_problem(*machine) == "", machine


def test_the_accelerators_of_the_table_are_values_of_the_api() -> None:
    from google.cloud.aiplatform_v1.types import AcceleratorType

    known = {kind.name for kind in AcceleratorType}
    # The API keeps the names of accelerators that are no longer offered.
    assert known - set(accelerators()) == {"ACCELERATOR_TYPE_UNSPECIFIED", "NVIDIA_TESLA_K80", "TPU_V4_POD"}
    # Earlier versions of Google's library lack the newest ones.
    assert set(accelerators()) - known <= {"NVIDIA_GB200", "NVIDIA_RTX_PRO_6000"}


def test_a_pool_with_a_wrong_machine_is_named_with_the_tables_date_and_the_way_around() -> None:
    spec = parse_trial_job_spec(
        {
            "workerPoolSpecs": [
                {"machineSpec": {"machineType": "n1-standard-4", "acceleratorType": "ACCELERATOR_TYPE_UNSPECIFIED"}},
                {},
                {
                    "machineSpec": {
                        "machineType": "n1-standard-4",
                        "acceleratorType": "NVIDIA_L4",
                        "acceleratorCount": "1",
                    }
                },
            ]
        }
    )

    assert [path for path, _ in pool_problems(spec)] == ["trialJobSpec.workerPoolSpecs[2].machineSpec"]
    with pytest.raises(UserError) as refusal:
        require_known_machines(spec, "search.yaml")
    assert str(refusal.value).startswith(
        "search.yaml: trialJobSpec.workerPoolSpecs[2].machineSpec: n1-standard-4 cannot"
    )
    assert str(refusal.value).endswith(f"(known in {TABLE_DATE}; --no-machine-check passes a newer machine)")
