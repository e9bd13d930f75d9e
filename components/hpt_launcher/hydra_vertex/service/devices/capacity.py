"""Computes how many trials may run at once and on which GPUs, from the options and the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra_vertex.protocol.errors import UserError

from .gpus import Gpu
from .resource_options import DEFAULT_RESOURCES, ResourceOptions

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Capacity:
    """The slots for trials: on these GPUs, or on the CPUs when there is none.

    An entry of `gpus` is the GPU of a slot as in CUDA_VISIBLE_DEVICES: with `gpus_per_trial`, several in one text.
    """

    gpus: tuple[str, ...] = ()
    options: ResourceOptions = DEFAULT_RESOURCES

    @property
    def trials_per_gpu(self) -> int:
        """How many trials may run at once on one GPU."""
        return self.options.trials_per_gpu or 1

    @property
    def at_once(self) -> int | None:
        """How many trials may run at once; None means no limit."""
        limits = (len(self.gpus) * self.trials_per_gpu or None, self.options.max_parallel)
        return min((limit for limit in limits if limit is not None), default=None)


def capacity_of(options: ResourceOptions, gpus: Sequence[Gpu]) -> Capacity:
    """Return the slots on these GPUs.

    Raises UserError when a GPU option is given and no GPU is visible, when there are fewer GPUs than a trial needs, or
    when the free memory of a GPU is too small or unknown.
    """
    given = {
        "--trials-per-gpu": options.trials_per_gpu,
        "--gpus-per-trial": options.gpus_per_trial,
        "--gpu-memory-per-trial": options.gpu_memory_bytes,
    }
    option = next((name for name, value in given.items() if value is not None), "")
    if not gpus and option:
        raise UserError(
            f"{option}: no GPU is visible here (nvidia-smi lists none, or CUDA_VISIBLE_DEVICES hides them); "
            "leave the option out to run on the CPUs"
        )
    capacity = Capacity(tuple(_grouped([gpu.id for gpu in gpus], options)), options)
    if options.gpu_memory_bytes is not None:
        for gpu in gpus:
            _check_memory(gpu, capacity.trials_per_gpu, options.gpu_memory_bytes)
    return capacity


def _grouped(names: Sequence[str], options: ResourceOptions) -> Iterator[str]:
    """Yield the GPUs of each slot; GPUs that are too few for another slot are left out."""
    each = options.gpus_per_trial or 1
    if each > 1 and (options.trials_per_gpu or 1) > 1:
        raise UserError(
            f"--gpus-per-trial {each} and --trials-per-gpu {options.trials_per_gpu} exclude each other; remove one"
        )
    if names and each > len(names):
        raise UserError(f"--gpus-per-trial {each}: {len(names)} GPUs are visible here ({', '.join(names)})")
    for first in range(0, len(names) - each + 1, each):
        yield ",".join(names[first : first + each])


def _check_memory(gpu: Gpu, trials: int, each_bytes: int) -> None:
    if gpu.free_bytes is None:
        raise UserError(
            f"--gpu-memory-per-trial: the free memory of GPU {gpu.id} ({gpu.name}) is unknown; leave the option out"
        )
    if trials * each_bytes <= gpu.free_bytes:
        return
    fit = gpu.free_bytes // each_bytes
    raise UserError(
        f"--gpu-memory-per-trial: {trials} x {gib(each_bytes)} do not fit into the {gib(gpu.free_bytes)} of free "
        f"memory of GPU {gpu.id} ({gpu.name}); "
        + (f"--trials-per-gpu {fit} fits" if fit else "hide that GPU with CUDA_VISIBLE_DEVICES, or free its memory")
    )


def describe(capacity: Capacity, gpus: Sequence[Gpu], workers: int = 1) -> str:
    """Describe the GPUs that trials of so many workers run on, and those that are left over, in one line."""
    names = ", ".join(sorted({gpu.name for gpu in gpus}))
    count = capacity.options.gpus_per_trial or 1
    where = "each" if count == 1 else f"each {count} of them"
    each = f"{capacity.trials_per_gpu} trial{'s' if capacity.trials_per_gpu > 1 else ''} at once on {where}"
    used = {name for slot in capacity.gpus for name in slot.split(",")}
    unused = ", ".join(gpu.id for gpu in gpus if gpu.id not in used)
    left = left_over([str(number) for number in range(count)], workers)
    parts = (
        f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''} ({names}), {each}",
        f"left over, as too few for another trial: {unused}" if unused else "",
        f"{count // workers} for each of its {workers} workers, and {len(left)} left over" if left else "",
    )
    return "; ".join(filter(None, parts))


def left_over(gpus: Sequence[str], workers: int) -> Sequence[str]:
    """Return the GPUs of a trial that are left when they are divided among its workers, who get equal numbers."""
    return gpus[len(gpus) // workers * workers :] if len(gpus) >= workers else ()


def gib(size_bytes: int) -> str:
    """Format a size in bytes for a message, in GiB."""
    return f"{size_bytes / GIB:.3g} GiB"
