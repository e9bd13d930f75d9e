from __future__ import annotations

import pytest

from hydra_vertex.pipelines.machines import Machine, machine_from
from hydra_vertex.trial.protocol.errors import UserError


@pytest.mark.parametrize(
    ("machine_type", "cpu", "memory"),
    [
        ("n1-standard-8", "8", "30G"),
        ("n1-highcpu-16", "16", "14.4G"),
        ("n2-highmem-4", "4", "32G"),
        ("g2-standard-8", "8", "32G"),
        ("a2-highgpu-1g", "12", "85G"),
        ("a3-highgpu-8g", "208", "1872G"),
    ],
)
def test_a_machine_type_is_said_by_its_size(machine_type: str, cpu: str, memory: str) -> None:
    assert machine_from(machine_type=machine_type) == Machine(cpu, memory)


def test_nothing_said_is_left_to_the_platform() -> None:
    assert machine_from() is None


def test_cpu_and_memory_win_over_the_type() -> None:
    assert machine_from(machine_type="n1-standard-8", memory="100G") == Machine("8", "100G")


def test_an_accelerator_comes_with_its_count() -> None:
    machine = machine_from(machine_type="g2-standard-24", accelerator="NVIDIA_L4", accelerator_count=2)

    assert machine == Machine("24", "96G", "NVIDIA_L4", 2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"machine_type": "m9-huge-8"}, "not a machine type of the families a2, a3, c2"),
        ({"machine_type": "n1-standard-0"}, "say --cpu and --memory instead"),
        ({"machine_type": "n1"}, "--machine-type n1"),
        ({"accelerator": "NVIDIA_L5"}, "unknown; one of NVIDIA_A100_80GB"),
        (
            {"accelerator": "NVIDIA_L4", "machine_type": "n1-standard-8"},
            "goes with g2 machines, and n1-standard-8 is none",
        ),
        ({"accelerator": "NVIDIA_L4", "accelerator_count": 0}, "expected 1 or more"),
    ],
)
def test_a_machine_that_there_is_not_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        machine_from(**options)
