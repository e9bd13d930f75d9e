"""The number of slots, from the options and the GPUs."""

from __future__ import annotations

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.devices.capacity import Capacity, capacity_of, describe, left_over
from hydra_vertex.service.devices.gpus import Gpu
from hydra_vertex.service.devices.resource_options import ResourceOptions

GIB = 1 << 30
LARGE, SMALL, UNKNOWN = Gpu("GPU-l", "L", 80 * GIB), Gpu("GPU-s", "S", 10 * GIB), Gpu("GPU-u", "U", None)


@pytest.mark.parametrize(
    ("options", "gpus", "at_once"),
    [
        (ResourceOptions(), (), None),
        (ResourceOptions(max_parallel=3), (), 3),
        (ResourceOptions(), (LARGE, SMALL), 2),
        (ResourceOptions(trials_per_gpu=4), (LARGE, SMALL), 8),
        (ResourceOptions(trials_per_gpu=4, max_parallel=5), (LARGE, SMALL), 5),
        (ResourceOptions(trials_per_gpu=1, max_parallel=5), (LARGE,), 1),
        (ResourceOptions(trials_per_gpu=2, gpu_memory_bytes=5 * GIB), (LARGE, SMALL), 4),
        (ResourceOptions(trials_per_gpu=2), (UNKNOWN,), 2),
        (ResourceOptions(gpus_per_trial=2), (LARGE, SMALL, UNKNOWN), 1),
        (ResourceOptions(gpus_per_trial=1), (LARGE, SMALL), 2),
    ],
)
def test_the_smallest_limit_applies(options: ResourceOptions, gpus: tuple[Gpu, ...], at_once: int | None) -> None:
    assert capacity_of(options, gpus).at_once == at_once


@pytest.mark.parametrize(
    ("options", "gpus", "message"),
    [
        (ResourceOptions(trials_per_gpu=1), (), "--trials-per-gpu: no GPU is visible here"),
        (ResourceOptions(gpus_per_trial=2), (), "--gpus-per-trial: no GPU is visible here"),
        (ResourceOptions(gpus_per_trial=3), (LARGE, SMALL), "--gpus-per-trial 3: 2 GPUs are visible here"),
        (
            ResourceOptions(gpus_per_trial=2, trials_per_gpu=2),
            (LARGE, SMALL),
            "--gpus-per-trial 2 and --trials-per-gpu 2",
        ),
        (ResourceOptions(gpu_memory_bytes=GIB), (), "--gpu-memory-per-trial: no GPU is visible here"),
        (
            ResourceOptions(trials_per_gpu=3, gpu_memory_bytes=4 * GIB),
            (LARGE, SMALL),
            r"3 x 4 GiB do not fit into the 10 GiB of free memory of GPU GPU-s \(S\); --trials-per-gpu 2 fits",
        ),
        (ResourceOptions(gpu_memory_bytes=11 * GIB), (SMALL,), "hide that GPU with CUDA_VISIBLE_DEVICES"),
        (ResourceOptions(gpu_memory_bytes=GIB), (UNKNOWN,), "the free memory of GPU GPU-u .* is unknown"),
    ],
)
def test_options_that_the_gpus_cannot_satisfy_are_refused(
    options: ResourceOptions, gpus: tuple[Gpu, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        capacity_of(options, gpus)


def test_the_gpus_are_described_in_one_line() -> None:
    capacity = Capacity(("GPU-l", "GPU-s"), ResourceOptions(trials_per_gpu=2))
    assert describe(capacity, (LARGE, SMALL)) == "2 GPUs (L, S), 2 trials at once on each"
    assert describe(Capacity(("GPU-l",)), (LARGE,)) == "1 GPU (L), 1 trial at once on each"


def test_the_gpus_of_a_trial_stay_together() -> None:
    capacity = capacity_of(ResourceOptions(gpus_per_trial=2), (LARGE, SMALL, UNKNOWN))
    assert capacity.gpus == ("GPU-l,GPU-s",)
    assert describe(capacity, (LARGE, SMALL)) == "2 GPUs (L, S), 1 trial at once on each 2 of them"


def test_gpus_that_are_left_over_are_named() -> None:
    two = capacity_of(ResourceOptions(gpus_per_trial=2), (LARGE, SMALL, UNKNOWN))
    named = "3 GPUs (L, S, U), 1 trial at once on each 2 of them; left over, as too few for another trial: GPU-u"
    assert describe(two, (LARGE, SMALL, UNKNOWN)) == describe(two, (LARGE, SMALL, UNKNOWN), workers=2) == named
    three = capacity_of(ResourceOptions(gpus_per_trial=3), (LARGE, SMALL, UNKNOWN))
    divided = "3 GPUs (L, S, U), 1 trial at once on each 3 of them; 1 for each of its 2 workers, and 1 left over"
    assert describe(three, (LARGE, SMALL, UNKNOWN), workers=2) == divided


@pytest.mark.parametrize(("workers", "left"), [(1, []), (2, []), (3, ["d"]), (4, []), (5, [])])
def test_workers_get_equal_numbers_of_gpus(workers: int, left: list[str]) -> None:
    assert list(left_over(["a", "b", "c", "d"], workers)) == left
