"""Reads the curves of all trials of a study from their folders."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.job.machine_use import MACHINES_FILE, MachineCurve, MachineUse, parse_machine_use, thinned
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.service.system.untrusted_files import read_end

from .curve_file import LIMIT_BYTES


def read_curves(path: Path, trial_id: str, points: int | None = None) -> tuple[MachineCurve, ...]:
    """Return the curves in a trial's file, of at most so many points; none when there is no such file.

    A file that cannot be understood gives one curve that says so: the trial may have written it.
    """
    try:
        curves = parse_machine_use(json.loads(read_end(path, LIMIT_BYTES))).get(trial_id, ())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, DocumentError) as error:
        return (MachineCurve("", _changed(path), missing=f"its file cannot be read: {error}"),)
    return curves if points is None else tuple(thinned(curve, points) for curve in curves)


def _changed(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    except OSError:
        return datetime.fromtimestamp(0, timezone.utc)


def read_study(trials: Path, points: int | None = None) -> MachineUse:
    """Return the curves of all trials in a folder of trials, in the order of their ids."""
    files = sorted(trials.glob(f"*/{MACHINES_FILE}"), key=lambda file: (len(file.parent.name), file.parent.name))
    found = {file.parent.name: read_curves(file, file.parent.name, points) for file in files}
    return {trial: curves for trial, curves in found.items() if curves}
