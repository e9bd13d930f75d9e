"""Decides which of the processes below a wrapper are the trial: the first Hydra app, in each of its ranks.

Ranks of one distributed run have the same rendezvous and differ in their rank. A rank that its launcher has restarted
differs in the number of restarts. Any process that comes later, such as an evaluation, has the claim of an earlier one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

_RUN = ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_ID")
_RANK = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "TORCHELASTIC_RESTART_COUNT")
_FIRST = "first"


def claim(folder: Path, environ: Mapping[str, str]) -> bool:
    """Claim the trial for this process. Return whether it is the trial; each process claims once."""
    run, rank = _text(_RUN, environ), _text(_RANK, environ)
    if not _is_first(folder / _FIRST, run):
        return False
    return _create(folder / f"rank-{hashlib.sha256(rank.encode()).hexdigest()[:16]}", rank)


def is_claimed(folder: Path) -> bool:
    """Whether an app has become the trial."""
    return (folder / _FIRST).exists()


def _is_first(file: Path, run: str) -> bool:
    """Whether no app was first, or one of the same distributed run. The file is linked when complete."""
    own = file.with_name(f"first-{os.getpid()}")
    own.write_text(run)
    try:
        os.link(own, file)
    except FileExistsError:
        return file.read_text() == run
    finally:
        own.unlink()
    return True


def _create(file: Path, text: str) -> bool:
    try:
        with file.open("x") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True


def _text(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return "".join(f"{name}={environ.get(name, '')}\n" for name in names)
