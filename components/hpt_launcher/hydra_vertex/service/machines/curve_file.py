"""The file with the curves of a trial in its folder: the form of `machines.json`, and the state to continue from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra_vertex.job.machine_use import (
    MachineCurve,
    dump_machine_use,
    parse_machine_use,
)
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.whole_file import write_whole
from hydra_vertex.service.system.untrusted_files import read_end

from .curve_recorder import CurveRecorder

LIMIT_BYTES = 1 << 20
"""The largest file that is read: the trial can write into its folder too."""
_STATE = "continueFrom"


def write_curves(path: Path, trial_id: str, recorders: Sequence[CurveRecorder]) -> None:
    """Write the curves of a trial. Raises OSError."""
    state: list[Json] = [
        {"intervalS": one.interval_s, "origin": one.origin, "cpuS": round(one.cpu_s, 2)} for one in recorders
    ]
    document = dict(dump_machine_use({trial_id: tuple(one.curve() for one in recorders)}))
    write_whole(str(path), json.dumps({**document, _STATE: state}).encode(), durable=False)


def read_recorders(path: Path, trial_id: str) -> list[CurveRecorder]:
    """Return the recorders that continue what an earlier service has written; none when it has written nothing."""
    try:
        document = json.object_of(json.loads(read_end(path, LIMIT_BYTES)))
        curves = parse_machine_use(document).get(trial_id, ())
        states = json.array_of(document.get(_STATE))
        return [_recorder(curve, state) for curve, state in zip(curves, states, strict=True)]
    except (OSError, ValueError, DocumentError):
        return []


def _recorder(curve: MachineCurve, state: Json) -> CurveRecorder:
    fields = json.object_of(state)
    interval_s, origin, cpu_s = fields.get("intervalS"), fields.get("origin"), fields.get("cpuS")
    if not isinstance(interval_s, (int, float)) or not isinstance(origin, str) or not isinstance(cpu_s, (int, float)):
        raise ValueError("no state to continue from")  # noqa: TRY004 - malformed input
    recorder = CurveRecorder(curve.worker, curve.start)
    recorder.resume(curve, interval_s, origin, cpu_s)
    return recorder
