"""What the machines of a study's trials were busy with over time: read from and written to `machines.json`.

The file is no part of Google's API, so it has a version: `{"schema": 1, "trials": {"<trial id>": [<curve>, ...]}}`,
with one curve a worker. The embedded service measures them; those of a job on Vertex AI come from Cloud Monitoring.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject

from .fields import Fields, format_time, parse_integer, parse_number
from .quoting import quoted

SCHEMA = 1
"""The version of the file that this version of hydra-vertex writes, and the only one that it reads."""
MACHINES_FILE = "machines.json"
"""The name of the file in the folder of a run, beside `job.json`."""

LARGEST = 1e15
"""The largest number of cores or seconds that is read: a trial may have written the file, and means must be finite."""

T = TypeVar("T", int, float)


@dataclass(frozen=True)
class MachineCurve:
    """The use of one worker of one trial. All curves have one value for each of `time_s`; None was not measured.

    `time_s` are seconds since `start`, the end of the interval that a value is the mean of. `cpu` is the number of
    cores in use: 1.0 is one busy core. `memory_bytes` is the memory of the process tree or the container. `gpu` is the
    mean over the worker's GPUs of the share of time in which a kernel ran, 0 to 1; `gpu_memory_bytes` their sum.
    `cpus` is the number of cores that the worker may use, None when it is unknown; `gpus` is the number of its GPUs.
    `missing` says why there is no curve, or why a part of it is missing; it is empty when nothing is.
    The limits and the highest values seen between the points of the curve are None when they are unknown.
    """

    worker: str
    start: datetime
    time_s: tuple[float, ...] = ()
    cpu: tuple[float | None, ...] = ()
    memory_bytes: tuple[int | None, ...] = ()
    gpu: tuple[float | None, ...] = ()
    gpu_memory_bytes: tuple[int | None, ...] = ()
    cpus: float | None = None
    gpus: int = 0
    missing: str = ""
    memory_limit_bytes: int | None = None
    memory_peak_bytes: int | None = None
    gpu_memory_limit_bytes: int | None = None
    gpu_memory_peak_bytes: int | None = None


MachineUse: TypeAlias = Mapping[str, tuple[MachineCurve, ...]]
"""The curves of the workers of each trial, by the trial's id."""


def dump_machine_use(use: MachineUse) -> JsonObject:
    """Return the content of `machines.json`."""
    return {
        "schema": SCHEMA,
        "trials": {trial: [dump_machine_curve(curve) for curve in curves] for trial, curves in use.items()},
    }


def dump_machine_curve(curve: MachineCurve) -> JsonObject:
    """Return one curve as JSON, without the fields that are unknown or empty."""
    known: dict[str, Json] = {
        "cpus": curve.cpus,
        "memoryLimitBytes": curve.memory_limit_bytes,
        "memoryPeakBytes": curve.memory_peak_bytes,
        "gpuMemoryLimitBytes": curve.gpu_memory_limit_bytes,
        "gpuMemoryPeakBytes": curve.gpu_memory_peak_bytes,
        "missing": curve.missing or None,
    }
    return {
        "worker": curve.worker,
        "startTime": format_time(curve.start),
        "timeS": list(curve.time_s),
        "cpu": list(curve.cpu),
        "memoryBytes": list(curve.memory_bytes),
        "gpu": list(curve.gpu),
        "gpuMemoryBytes": list(curve.gpu_memory_bytes),
        "gpus": curve.gpus,
        **{name: value for name, value in known.items() if value is not None},
    }


def read_machine_use(text: str | bytes, file: str = MACHINES_FILE) -> MachineUse:
    """Parse the text of a `machines.json`. Raises DocumentError, which names the file."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DocumentError(file, f"not JSON ({error})") from error
    return parse_machine_use(value, file)


def parse_machine_use(value: Json, path: str = "") -> MachineUse:
    """Parse the content of `machines.json`. `path` begins the path of a field in errors.

    Raises DocumentError when it does not have the form that `dump_machine_use` writes, or another version's.
    """
    fields = Fields(value, path)
    schema = fields.take("schema")
    if isinstance(schema, bool) or schema != SCHEMA:
        raise DocumentError(
            fields.path("schema"),
            f"expected {SCHEMA}, got {quoted(schema)}: another version of hydra-vertex wrote it; read it with that one",
        )
    trials = fields.message("trials")
    if not isinstance(trials, Mapping):
        raise DocumentError(fields.path("trials"), f"expected an object, got {quoted(trials)}")
    return {trial: _parse_curves(curves, f"{fields.path('trials')}.{trial}") for trial, curves in trials.items()}


def _parse_curves(value: Json, path: str) -> tuple[MachineCurve, ...]:
    if not isinstance(value, list):
        raise DocumentError(path, f"expected an array, got {quoted(value)}")
    return tuple(parse_machine_curve(item, f"{path}[{i}]") for i, item in enumerate(value))


def parse_machine_curve(value: Json, path: str) -> MachineCurve:
    """Parse one curve. Raises DocumentError."""
    fields = Fields(value, path)
    start = fields.time("startTime")
    if start is None:
        raise DocumentError(fields.path("startTime"), "is missing")
    curve = MachineCurve(
        worker=_text(fields, "worker"),
        start=start,
        time_s=fields.items("timeS", _amount),
        cpu=fields.items("cpu", _optional(_amount)),
        memory_bytes=fields.items("memoryBytes", _optional(_count)),
        gpu=fields.items("gpu", _optional(_share)),
        gpu_memory_bytes=fields.items("gpuMemoryBytes", _optional(_count)),
        cpus=_if_present(fields, "cpus", _amount),
        gpus=_if_present(fields, "gpus", _count) or 0,
        missing=_text(fields, "missing"),
        memory_limit_bytes=_if_present(fields, "memoryLimitBytes", _count),
        memory_peak_bytes=_if_present(fields, "memoryPeakBytes", _count),
        gpu_memory_limit_bytes=_if_present(fields, "gpuMemoryLimitBytes", _count),
        gpu_memory_peak_bytes=_if_present(fields, "gpuMemoryPeakBytes", _count),
    )
    _check_lengths(curve, path)
    return curve


def thinned(curve: MachineCurve, points: int) -> MachineCurve:
    """Return the curve with at most so many points, each the mean of as many neighbours.

    Limits and peaks are kept. Raises ValueError when `points` is not positive.
    """
    count = len(curve.time_s)
    if points < 1:
        raise ValueError(f"points must be at least 1, got {points}")
    size = -(-count // points)
    if size <= 1:
        return curve
    ends = [*range(0, count, size), count]
    groups = list(itertools.pairwise(ends))
    return dataclasses.replace(
        curve,
        time_s=tuple(curve.time_s[end - 1] for _, end in groups),
        cpu=tuple(mean(curve.cpu[a:b]) for a, b in groups),
        gpu=tuple(mean(curve.gpu[a:b]) for a, b in groups),
        memory_bytes=tuple(_whole(mean(curve.memory_bytes[a:b])) for a, b in groups),
        gpu_memory_bytes=tuple(_whole(mean(curve.gpu_memory_bytes[a:b])) for a, b in groups),
    )


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that were measured; None when none was."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _text(fields: Fields, name: str) -> str:
    """Read a text that can be written again: JSON's escapes can be half of a character."""
    text = fields.text(name)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DocumentError(fields.path(name), f"expected Unicode text, got {quoted(text)}") from error
    return text


def _amount(value: Json, path: str) -> float:
    number = parse_number(value, path)
    if not 0 <= number <= LARGEST:
        raise DocumentError(path, f"expected 0 to {LARGEST:g}, got {quoted(value)}")
    return number


def _share(value: Json, path: str) -> float:
    number = _amount(value, path)
    if number > 1:
        raise DocumentError(path, f"expected at most 1, got {quoted(value)}")
    return number


def _count(value: Json, path: str) -> int:
    number = parse_integer(value, path)
    if number < 0:
        raise DocumentError(path, f"expected at least 0, got {quoted(value)}")
    return number


def _optional(parse: Callable[[Json, str], T]) -> Callable[[Json, str], T | None]:
    return lambda value, path: None if value is None else parse(value, path)


def _if_present(fields: Fields, name: str, parse: Callable[[Json, str], T]) -> T | None:
    return parse(fields.take(name), fields.path(name)) if fields.has(name) else None


def _check_lengths(curve: MachineCurve, path: str) -> None:
    count = len(curve.time_s)
    lengths = {
        "cpu": len(curve.cpu),
        "memoryBytes": len(curve.memory_bytes),
        "gpu": len(curve.gpu),
        "gpuMemoryBytes": len(curve.gpu_memory_bytes),
    }
    for name, length in lengths.items():
        if length != count:
            raise DocumentError(f"{path}.{name}", f"expected {count} values, as many as in timeS, got {length}")
    if any(later <= earlier for earlier, later in itertools.pairwise(curve.time_s)):
        raise DocumentError(f"{path}.timeS", "expected increasing times")
