"""The environment variables of a trial's GPU and CPU threads."""

from __future__ import annotations

import pytest

from hydra_vertex.service.devices.environ import THREAD_VARIABLES, gpu_environ, thread_environ


@pytest.mark.parametrize(
    ("set_already", "added"),
    [
        ({}, dict.fromkeys(THREAD_VARIABLES, "4")),
        ({"OMP_NUM_THREADS": "7"}, dict.fromkeys(THREAD_VARIABLES[1:], "7")),
        (dict.fromkeys(THREAD_VARIABLES, "2"), {}),
    ],
)
def test_threads_are_limited_unless_the_user_sets_them(set_already: dict[str, str], added: dict[str, str]) -> None:
    assert thread_environ(4, set_already) == added


@pytest.mark.parametrize(
    ("gpu", "trials_per_gpu", "memory_bytes", "environ"),
    [
        (None, 1, 1 << 30, {}),
        ("GPU-a", 1, None, {"CUDA_VISIBLE_DEVICES": "GPU-a"}),
        (
            "MIG-b",
            2,
            3 << 30,
            {
                "CUDA_VISIBLE_DEVICES": "MIG-b",
                "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
                "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": "0=3072M",
            },
        ),
    ],
)
def test_a_trial_sees_only_its_own_gpu(
    gpu: str | None, trials_per_gpu: int, memory_bytes: int | None, environ: dict[str, str]
) -> None:
    assert gpu_environ(gpu, trials_per_gpu, memory_bytes) == environ


def test_each_of_several_gpus_has_the_memory_limit() -> None:
    environ = gpu_environ("GPU-a,GPU-b", 1, 1 << 30)
    assert environ["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"
    assert environ["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] == "0=1024M,1=1024M"
