"""Checks, before anything starts, that Slurm answers and allows what the settings ask for."""

from __future__ import annotations

import os
import shutil

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.contract import RefusedError, UnavailableError

from . import commands
from .settings import Settings
from .submission import site_options

_UNAVAILABLE = "not available"
"""Part of what `sbatch --test-only` answers for nodes that the cluster does not have, and for nodes that are down."""

_USABLE = frozenset({"idle", "mixed", "allocated", "completing", "reserved", "planned"})
"""The states of nodes that count as they are: `sinfo` marks those that do not answer, such as `idle*`."""


def check_slurm(settings: Settings) -> None:
    """Raise UserError unless Slurm's commands are there, its controller answers, and it would take a trial's job."""
    _require_programs()
    try:
        commands.run(("squeue", f"--user={os.getuid()}", "--noheader"))
    except UnavailableError as error:
        raise UserError(f"engine slurm: the cluster does not answer: {error}") from error
    wanted = sorted({f"{name}:{count}" for name, count in _resources(settings)}) or [""]
    for gres in wanted:
        _check_accepted(settings, gres)


def _require_programs() -> None:
    missing = [name for name in commands.PROGRAMS if shutil.which(name) is None]
    if missing:
        raise UserError(
            f"engine slurm: no {', '.join(missing)} in PATH: run hydra-vertex on a login node, or install the commands"
            " (Debian: slurm-client) with the cluster's slurm.conf"
        )


def _resources(settings: Settings) -> list[tuple[str, int]]:
    return [*settings.machines.values(), *([] if settings.gres is None else [settings.gres])]


def _check_accepted(settings: Settings, gres: str) -> None:
    """Ask for an estimate of the start of a job with these settings; nothing is submitted."""
    options = [*site_options(settings), *([f"--gres={gres}"] if gres else []), *settings.sbatch_options]
    try:
        commands.submit((*options, "--test-only", "--chdir=/", "--output=/dev/null", "--wrap=true"))
    except UnavailableError as error:
        raise UserError(f"engine slurm: the cluster does not answer: {error}") from error
    except RefusedError as error:
        # When nodes are down, the trial's own submission tells which it is: sbatch then queues it.
        if _UNAVAILABLE not in str(error) or _are_all_nodes_usable(settings):
            raise UserError(f"engine slurm: the cluster refuses such jobs ({' '.join(options)}): {error}") from error


def _are_all_nodes_usable(settings: Settings) -> bool:
    partition = [f"--partition={settings.partition}"] if settings.partition else []
    return set(commands.run(("sinfo", "--noheader", "--Node", "--format=%T", *partition)).split()) <= _USABLE
