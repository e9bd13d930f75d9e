"""Runs Slurm's commands, and decides what their errors mean."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence

from hydra_vertex.service.trials.engines.contract import RefusedError, UnavailableError

from .reasons import permanent_in

PROGRAMS = ("sbatch", "squeue", "scontrol", "scancel", "sinfo")
TIME_LIMIT_S = 25.0
MESSAGE_CHARACTERS = 1000

_KEPT = frozenset(
    {
        "SLURM_CONF",
        "SLURM_CONF_SERVER",
        "SLURM_JWT",
        "SBATCH_ACCOUNT",
        "SBATCH_PARTITION",
        "SBATCH_QOS",
        "SBATCH_CONSTRAINT",
        "SBATCH_RESERVATION",
    }
)
_OTHERS = ("SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_", "SCONTROL_", "SACCT_", "SALLOC_", "SLURMD_")

_TEMPORARY = re.compile(
    r"unable to contact|connection refused|connection failure|timed out|zero bytes|standby|temporarily|munge|"
    r"authentication|communication|socket|network is unreachable|no route to host|submit ?job|submit limit|"
    r"maximum number of jobs|slurm is not responding|unexpected message",
    re.IGNORECASE,
)
"""Errors of `sbatch` that do not refuse a job for good: the controller does not answer, or has too many jobs."""

_PREFIX = re.compile(r"^\w+: (?:error: )?", re.MULTILINE)


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of Slurm's commands: without the variables that change their options and output.

    A service may itself run in a Slurm job, whose variables sbatch would take as options. Times are in UTC.
    """
    kept = {name: value for name, value in environ.items() if name in _KEPT or not name.startswith(_OTHERS)}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def run(command: Sequence[str]) -> str:
    """Run one of Slurm's commands and return its output. Raises UnavailableError."""
    result = _completed(command)
    if result.returncode != 0:
        raise UnavailableError(f"{command[0]} failed: {message_of(result)}")
    return result.stdout.decode(errors="surrogateescape")


def cluster_name() -> str:
    """Return the name of the cluster that the commands use; empty when it has none. Raises UnavailableError."""
    found = re.search(r"^ClusterName\s*=\s*(\S+)", run(("scontrol", "show", "config")), re.MULTILINE)
    return "" if found is None else found[1]


def submit(options: Sequence[str]) -> str:
    """Run `sbatch` and return its output. Raises RefusedError if Slurm refuses for good, otherwise UnavailableError."""
    result = _completed(("sbatch", *options))
    if result.returncode == 0:
        return result.stdout.decode(errors="surrogateescape")
    message = message_of(result)
    # "job submit limit, user's size and/or time limits" stands below a reason that tells the two apart.
    is_temporary = _TEMPORARY.search(message) is not None and not permanent_in(message)
    raise (UnavailableError if is_temporary else RefusedError)(f"sbatch: {message}")


def is_done(command: Sequence[str]) -> bool:
    """Run one of Slurm's commands whose failure means that there was nothing to do. Raises UnavailableError."""
    result = _completed(command)
    if result.returncode != 0 and _TEMPORARY.search(message_of(result)):
        raise UnavailableError(f"{command[0]} failed: {message_of(result)}")
    return result.returncode == 0


def message_of(result: subprocess.CompletedProcess[bytes]) -> str:
    """Return what a command wrote to stderr in one line, without the names of programs."""
    lines = _PREFIX.sub("", result.stderr.decode(errors="replace")).splitlines()
    text = "; ".join(line.strip() for line in lines if line.strip())
    return text[:MESSAGE_CHARACTERS] or f"exit code {result.returncode}"


def _completed(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environ(os.environ),
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{command[0]} did not answer within {TIME_LIMIT_S:g} s") from error
    except OSError as error:
        raise UnavailableError(f"{command[0]} could not be started: {error.strerror or error}") from error
