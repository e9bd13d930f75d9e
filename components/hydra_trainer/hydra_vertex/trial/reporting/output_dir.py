"""Tells others which folder was Hydra's output folder: the process that started a retraining, and the selection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.environment import HYDRA_FOLDER, MODEL_DIR, OUTPUT_DIR_FILE, SWEEP_DIR
from hydra_vertex.protocol.files import local_path, write_atomic

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn


def write_output_dir(job: JobReturn, environ: Mapping[str, str]) -> None:
    """Write Hydra's output folder to the file that the environment names, if any. A failure is ignored."""
    file = environ.get(OUTPUT_DIR_FILE)
    folder = _output_dir(job) if file else ""
    if file and folder:
        with suppress(OSError):
            write_atomic(Path(file), os.fsencode(folder), durable=False)


def link_output_dir(job: JobReturn, environ: Mapping[str, str]) -> None:
    """Link Hydra's output folder of a job of a sweep to where the other trials have it. A failure is ignored.

    The selection looks there for the model of the best trial.
    """
    model_dir = environ.get(MODEL_DIR) if environ.get(SWEEP_DIR) else ""
    folder = _output_dir(job) if model_dir else ""
    if not model_dir or not folder:
        return
    link = local_path(model_dir.rstrip("/")).parent / HYDRA_FOLDER
    with suppress(OSError):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(folder)


def read_output_dir(file: Path) -> Path | None:
    """Return the folder in the file; None when it was not written."""
    try:
        return Path(os.fsdecode(file.read_bytes())) if file.is_file() else None
    except OSError:
        return None


def _output_dir(job: JobReturn) -> str:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        value = None if job.hydra_cfg is None else OmegaConf.select(job.hydra_cfg, "hydra.runtime.output_dir")
    except OmegaConfBaseException:
        return ""
    return value if isinstance(value, str) else ""
