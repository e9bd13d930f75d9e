"""Names the trials that starve their GPU, and those whose memory is nearly full. Pure.

The rules, with the words of each, are in docs/machines.md. A trial is judged by its worker that is worst off.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from hydra_vertex.job.machine_use import MachineCurve

from .study_machines import StudyMachines

FEWEST_POINTS = 4
"""A trial with fewer points is too short to be judged."""
STARVED = 0.3
IDLE = 0.01
BUSY_CORE = 0.9
NEARLY_FULL = 0.9
MAX_NAMED = 8
_GIB = 1 << 30


class Kind(Enum):
    """What is wrong. The value is what can be done about it."""

    ALL_CORES = (
        "all its cores are busy: the CPU work of the app, such as decoding and augmenting data, holds the GPU back; "
        "give the trial more cores, or prepare the data once"
    )
    ONE_CORE = (
        "a core is busy and others are free: one process or thread holds the GPU back, such as a data loader; load the "
        "data in more processes (num_workers of a DataLoader)"
    )
    WAITING = (
        "the cores are not busy either: the trial waits for something else, such as a disk, a network, a lock or a "
        "core that other programs use; read the data from a faster place, or ahead of its use (prefetch)"
    )
    SOME_CORES = (
        "cores are busy, and how many the trial may use is not known: the CPU work of the app may hold the GPU back; "
        "give the trial more cores, or load the data in more processes"
    )
    UNKNOWN = "the CPU was not measured, so the reason is not known"
    IDLE = "the GPU did nothing at any time: check that the app uses it (a build of the framework without CUDA, a key)"
    MEMORY = "beyond the limit a trial is killed: give it more memory, or lower the batch size or the number of workers"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with some trials, worst first. `what` is the measured part of the sentence."""

    kind: Kind
    trials: tuple[str, ...]
    what: str

    @property
    def text(self) -> str:
        """One sentence that names the trials."""
        named = ", ".join(self.trials[:MAX_NAMED])
        more = len(self.trials) - MAX_NAMED
        trials = f"trial{'s' if len(self.trials) > 1 else ''} {named}{f' and {more} more' if more > 0 else ''}"
        return f"{trials}: {self.what}. {self.kind.value[0].upper()}{self.kind.value[1:]}"


@dataclass(frozen=True, slots=True)
class _Case:
    kind: Kind
    trial: str
    severity: float
    numbers: tuple[float, float | None]


def machine_findings(machines: StudyMachines) -> tuple[Finding, ...]:
    """Return what is wrong, one finding for each kind, the GPU's first."""
    cases: list[_Case] = []
    for trial, curve in machines.curves():
        cases += _cases(trial, curve)
    return tuple(_finding(kind, found) for kind in Kind if (found := [case for case in cases if case.kind is kind]))


def _cases(trial: str, curve: MachineCurve) -> Iterator[_Case]:
    busy = _known(curve.gpu)
    if curve.gpus and len(busy) >= FEWEST_POINTS and (median := statistics.median(busy)) < STARVED:
        known = _known(curve.cpu)
        cores = statistics.median(known) if known else None
        yield _Case(_kind_of(max(busy), cores, curve.cpus), trial, -median, (median, cores))
    limit, peak = curve.memory_limit_bytes, _peak(curve)
    if limit and peak >= NEARLY_FULL * limit:
        yield _Case(Kind.MEMORY, trial, peak / limit, (peak / limit, limit / _GIB))


def _kind_of(most_busy: float, cores: float | None, cpus: float | None) -> Kind:
    if most_busy <= IDLE:
        return Kind.IDLE
    if cores is None:
        return Kind.UNKNOWN
    if cpus is not None and cores >= BUSY_CORE * cpus:
        return Kind.ALL_CORES
    if cores < BUSY_CORE:
        return Kind.WAITING
    return Kind.SOME_CORES if cpus is None else Kind.ONE_CORE


def _finding(kind: Kind, cases: Sequence[_Case]) -> Finding:
    worst: dict[str, _Case] = {}
    for case in sorted(cases, key=lambda case: -case.severity):
        worst.setdefault(case.trial, case)
    first, second = next(iter(worst.values())).numbers
    each = "" if len(worst) == 1 else ", the worst of them"
    match kind:
        case Kind.MEMORY:
            what = f"{100 * first:.0f} % of {second:.3g} GiB of memory was in use at the peak{each}"
        case Kind.UNKNOWN:
            what = f"the GPU is starved: busy {100 * first:.0f} % in the median{each}"
        case Kind.IDLE:
            what = "the GPU is starved: it was idle throughout"
        case _:
            what = f"the GPU is starved: busy {100 * first:.0f} % in the median, with {second:.1f} cores busy{each}"
    return Finding(kind, tuple(worst), what)


def _peak(curve: MachineCurve) -> float:
    return max([curve.memory_peak_bytes or 0, *_known(curve.memory_bytes)])


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]
