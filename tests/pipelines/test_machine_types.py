from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.launcher.machine_table import SERIES, WITH_ACCELERATORS
from hydra_vertex.pipelines.compiler import compile_pipeline
from hydra_vertex.pipelines.machine_types import MAX_MEMORY_GB, MAX_VCPUS, Machine, machine_from
from hydra_vertex.protocol.errors import UserError


@pytest.mark.parametrize(
    ("machine_type", "cpu", "memory"),
    [
        ("n1-standard-8", "8", "30G"),
        ("n1-standard-1", "1", "3750M"),
        ("n1-highcpu-16", "16", "14400M"),
        ("n2-highmem-4", "4", "32G"),
        ("e2-standard-4", "4", "16G"),
        ("c2-standard-30", "30", "120G"),
    ],
)
def test_a_machine_type_is_expressed_as_cpu_and_memory_limits(machine_type: str, cpu: str, memory: str) -> None:
    assert machine_from(machine_type=machine_type) == Machine(cpu, memory)


@pytest.mark.parametrize(
    ("machine_type", "machine"),
    [
        ("g2-standard-8", Machine("8", "32G", "NVIDIA_L4", 1)),
        ("g2-standard-24", Machine("24", "96G", "NVIDIA_L4", 2)),
        ("a2-highgpu-4g", Machine("48", "340G", "NVIDIA_TESLA_A100", 4)),
        ("a2-ultragpu-1g", Machine("12", "170G", "NVIDIA_A100_80GB", 1)),
    ],
)
def test_a_type_with_built_in_accelerators_includes_them(machine_type: str, machine: Machine) -> None:
    assert machine_from(machine_type=machine_type) == machine
    named = {"accelerator": machine.accelerator, "accelerator_count": machine.accelerator_count}
    assert machine_from(machine_type=machine_type, **named) == machine


def test_the_limits_of_a_type_with_accelerators_are_capped_at_the_maximum_of_vertex() -> None:
    assert machine_from(machine_type="a3-highgpu-8g") == Machine("96", "624G", "NVIDIA_H100_80GB", 8)


def test_every_known_type_has_limits_that_kfp_accepts() -> None:
    from kfp.dsl.pipeline_task import PipelineTask

    sizes = [(series, size, size * gb) for series, (gb, sizes) in SERIES.items() for size in sizes]
    small = [f"{series}-{n}" for series, n, gigabytes in sizes if n <= MAX_VCPUS and gigabytes <= MAX_MEMORY_GB]
    types = [*WITH_ACCELERATORS, *small]
    for machine_type in types:
        machine = machine_from(machine_type=machine_type)
        assert machine is not None
        # The checks of KFP's setters read no state of a task.
        assert PipelineTask._validate_cpu_request_limit(None, machine.cpu) == machine.cpu
        assert PipelineTask._validate_memory_request_limit(None, machine.memory) == machine.memory


def test_without_options_there_is_no_machine_and_the_platform_chooses() -> None:
    assert machine_from() is None


def test_cpu_and_memory_override_the_type() -> None:
    assert machine_from(machine_type="n1-standard-8", memory="100G") == Machine("8", "100G")
    assert machine_from(machine_type="g2-standard-8", cpu="6", memory="20G") == Machine("6", "20G", "NVIDIA_L4", 1)


def test_cpu_and_memory_replace_an_unknown_type() -> None:
    machine = machine_from(cpu="26", memory="234G", accelerator="NVIDIA_H100_80GB")

    assert machine == Machine("26", "234G", "NVIDIA_H100_80GB", 1)


def test_an_accelerator_is_attached_to_an_n1_machine() -> None:
    machine = machine_from(machine_type="n1-standard-16", accelerator="NVIDIA_TESLA_T4", accelerator_count=2)

    assert machine == Machine("16", "60G", "NVIDIA_TESLA_T4", 2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"machine_type": "m9-huge-8"}, r"the families are a2, a3, a4, a4x, c2, .* Or give --cpu and --memory"),
        ({"machine_type": "n1"}, "--machine-type n1: no machine type n1 is known"),
        ({"machine_type": "n1-standard-7"}, "n1-standard has 1, 2, 4, 8, 16, 32, 64 or 96 vCPUs"),
        ({"machine_type": "n1-standard-²"}, "n1-standard has 1, 2"),
        ({"machine_type": "a3-highgpu-3g"}, "there are a3-highgpu-1g, a3-highgpu-2g"),
        (
            {"machine_type": "c4-standard-192"},
            "has 192 vCPUs and 720 GB, and a pipeline step can have",
        ),
        ({"machine_type": "ct6e-standard-4t"}, "a pipeline step cannot have this machine"),
        ({"accelerator": "NVIDIA_L5"}, "no accelerator NVIDIA_L5 is known; did you mean 'NVIDIA_L4'"),
        (
            {"accelerator": "NVIDIA_L4", "machine_type": "n1-standard-8"},
            "n1-standard-8 cannot have NVIDIA_L4; NVIDIA_L4 is in g2-standard-4, ",
        ),
        ({"accelerator": "NVIDIA_TESLA_T4", "machine_type": "g2-standard-8"}, "has 1 NVIDIA_L4, not 1 NVIDIA_TESLA_T4"),
        (
            {"accelerator": "NVIDIA_L4", "machine_type": "g2-standard-24"},
            "g2-standard-24 has 2 NVIDIA_L4, not 1",
        ),
        ({"accelerator": "NVIDIA_L4", "accelerator_count": 0}, "no machine has 0; NVIDIA_L4 is in g2-standard-4, "),
        (
            {"accelerator": "NVIDIA_TESLA_T4", "machine_type": "n1-standard-8", "accelerator_count": 3},
            "a machine has 1, 2 or 4 NVIDIA_TESLA_T4, not 3",
        ),
        (
            {"accelerator": "NVIDIA_TESLA_V100", "machine_type": "n1-standard-16"},
            "1 NVIDIA_TESLA_V100 can have at most 12 vCPUs, and n1-standard-16 has 16",
        ),
        ({"machine_type": "n1-standard-8", "accelerator_count": 2}, "--accelerator-count 2: name the accelerator too"),
        ({"cpu": "eight"}, "--cpu eight: expected vCPUs"),
        ({"memory": "1.5G"}, "--memory 1.5G: expected a whole number with a unit"),
        ({"memory": "32GB"}, "--memory 32GB: expected"),
    ],
)
def test_an_invalid_machine_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        machine_from(**options)


def test_a_machine_that_the_table_does_not_have_is_accepted_without_the_check() -> None:
    machine = machine_from(
        machine_type="n1-standard-8", accelerator="NVIDIA_NEW", accelerator_count=3, is_checked=False
    )

    assert machine == Machine("8", "30G", "NVIDIA_NEW", 3)


def test_a_machine_with_a_fraction_of_a_gigabyte_compiles(tmp_path: Path) -> None:
    compile_pipeline(tmp_path / "p.json", machine=machine_from(machine_type="n1-standard-1"))

    assert '"memoryLimit": 3.75' in (tmp_path / "p.json").read_text()
