"""The resource options that `hydra-vertex run`, `hydra-vertex serve` and the service itself share."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
MAX_NICENESS = 19


@dataclass(frozen=True, slots=True)
class ResourceOptions:
    """The limits of trials on this machine. None means no limit.

    `trials_per_gpu` and `gpus_per_trial` None mean one, where there is a GPU. `max_parallel` counts the trials of all
    jobs together.
    """

    trials_per_gpu: int | None = None
    gpu_memory_bytes: int | None = None
    max_parallel: int | None = None
    memory_bytes: int | None = None
    nice: int = 0
    gpus_per_trial: int | None = None

    def to_arguments(self) -> list[str]:
        """Return the command-line arguments from which `resources_from` reads these options."""
        given = {
            "--trials-per-gpu": self.trials_per_gpu,
            "--gpus-per-trial": self.gpus_per_trial,
            "--gpu-memory-per-trial": self.gpu_memory_bytes,
            "--max-parallel": self.max_parallel,
            "--trial-memory": self.memory_bytes,
            "--trial-nice": self.nice or None,
        }
        return [f"{name}={value}" for name, value in given.items() if value is not None]


DEFAULT_RESOURCES = ResourceOptions()


def add_resource_options(parser: argparse.ArgumentParser, *, shared: bool) -> None:
    """Declare the options; `shared` adds those for a service with several jobs."""
    group = parser.add_argument_group("this machine")
    group.add_argument(
        "--trials-per-gpu",
        type=_at_least_one,
        metavar="K",
        help="trials at once on each visible GPU or MIG slice, see CUDA_VISIBLE_DEVICES (default: 1)",
    )
    group.add_argument(
        "--gpus-per-trial",
        type=_at_least_one,
        metavar="K",
        help="visible GPUs of each trial, which its workers divide among them (default: 1)",
    )
    group.add_argument(
        "--gpu-memory-per-trial",
        type=size,
        metavar="SIZE",
        help="GPU memory that a trial needs, such as 8GiB; refused when K trials do not fit (default: not checked)",
    )
    group.add_argument(
        "--trial-memory",
        type=size,
        metavar="SIZE",
        help="kill a trial whose processes use more memory, such as 16GiB (default: no limit)",
    )
    group.add_argument(
        "--trial-nice", type=_niceness, default=0, metavar="N", help=f"niceness of trials, 0 to {MAX_NICENESS} (0)"
    )
    if shared:
        group.add_argument(
            "--max-parallel",
            type=_at_least_one,
            metavar="N",
            help="trials at once of all jobs together (default: limited only by the jobs and the GPUs)",
        )


def resources_from(arguments: argparse.Namespace) -> ResourceOptions:
    """Return the options that were given."""
    return ResourceOptions(
        trials_per_gpu=arguments.trials_per_gpu,
        gpu_memory_bytes=arguments.gpu_memory_per_trial,
        max_parallel=getattr(arguments, "max_parallel", None),
        memory_bytes=arguments.trial_memory,
        nice=arguments.trial_nice,
        gpus_per_trial=arguments.gpus_per_trial,
    )


def size(text: str) -> int:
    """Parse a size in bytes for argparse, with units as in Kubernetes: `8GiB` and `8Gi` are 2**33, `8G` is 8 * 10**9.

    Raises argparse.ArgumentTypeError.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?", text.strip(), re.ASCII | re.IGNORECASE)
    unit = UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size above 0; expected a size such as 8GiB or 500M")
    return round(float(match[1]) * unit)


def _at_least_one(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from error


def _niceness(text: str) -> int:
    number = _whole(text)
    if not 0 <= number <= MAX_NICENESS:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {MAX_NICENESS}; only root may lower the niceness")
    return number
