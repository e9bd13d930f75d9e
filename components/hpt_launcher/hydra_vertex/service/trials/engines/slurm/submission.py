"""Builds the options of `sbatch` for a launch. Pure."""

from __future__ import annotations

import math
from pathlib import Path

from hydra_vertex.protocol.suggestions import suggest
from hydra_vertex.service.trials.engines.contract import Launch, RefusedError, Worker

from .settings import Settings

UNSPECIFIED_ACCELERATOR = "ACCELERATOR_TYPE_UNSPECIFIED"
LOCAL_IMAGE = "local"
"""The image of a job that `hydra-vertex run` makes without an image."""


def submission(launch: Launch, settings: Settings, output: Path, working_directory: str) -> list[str]:
    """Return the options of `sbatch` for a launch, without the script. Raises RefusedError.

    The job has the id of the launch as its name. `output` is the file for Slurm's own messages about the job.
    """
    count = len(launch.workers)
    return [
        "--parsable",
        f"--job-name={launch.id}",
        f"--comment={_comment(launch)}",
        "--export=NONE",
        "--input=/dev/null",
        f"--output={_file_name(output)}",
        "--open-mode=append",
        f"--chdir={working_directory}",
        f"--time={minutes(launch, settings)}",
        "--requeue" if settings.requeue else "--no-requeue",
        f"--nodes={count}",
        f"--ntasks={count}",
        "--ntasks-per-node=1",
        *site_options(settings),
        *_gres_options(gres(launch, settings)),
        *settings.sbatch_options,
    ]


def site_options(settings: Settings) -> list[str]:
    """Return the options that are the same for all launches."""
    named = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
        "reservation": settings.reservation,
        "cpus-per-task": "" if settings.cpus is None else str(settings.cpus),
        "mem": settings.memory,
    }
    return [f"--{option}={value}" for option, value in named.items() if value]


def minutes(launch: Launch, settings: Settings) -> int:
    """Return the job's time limit: that of the trial and its grace period in whole minutes, rounded up."""
    needed = math.ceil((launch.timeout_s + launch.grace_s) / 60)
    return needed if settings.time_limit_minutes is None else min(needed, settings.time_limit_minutes)


def gres(launch: Launch, settings: Settings) -> str:
    """Return the generic resources of each node of a launch; empty for none. Raises RefusedError.

    All nodes of a Slurm job have the same, so all worker pools must need the same.
    """
    needs = {_gres_of(worker, settings): worker for worker in launch.workers}
    if len(needs) > 1:
        listed = ", ".join(f"workerPoolSpecs[{worker.pool}] {need or 'none'}" for need, worker in needs.items())
        raise RefusedError(
            f"the worker pools need different generic resources ({listed}), but all nodes of a Slurm job have the same;"
            " give all pools the same accelerator"
        )
    return next(iter(needs))


def _gres_of(worker: Worker, settings: Settings) -> str:
    kind = worker.machine.get("acceleratorType")
    if not kind or kind == UNSPECIFIED_ACCELERATOR:
        return "" if settings.gres is None else _text(*settings.gres)
    if str(kind) not in settings.machines:
        raise RefusedError(
            f"the machine's accelerator {kind} has no generic resource: add it to the key 'machines' of the engine's"
            f" config file, for example machines: {{{kind}: 'gpu:1'}}{suggest(str(kind), settings.machines)}"
        )
    name, count = settings.machines[str(kind)]
    accelerators = worker.machine.get("acceleratorCount")
    return _text(name, count * int(str(accelerators or 1)))


def _text(name: str, count: int) -> str:
    return f"{name}:{count}"


def _gres_options(text: str) -> list[str]:
    return [f"--gres={text}"] if text else []


def _comment(launch: Launch) -> str:
    trial = f" trial {launch.trial_id}" if launch.trial_id else ""
    return f"hydra-vertex job {launch.job_id}{trial}"


def _file_name(path: Path) -> str:
    """Return a path in which `sbatch` replaces nothing but the job's id."""
    return f"{str(path.parent).replace('%', '%%')}/{path.name}"
