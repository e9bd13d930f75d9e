"""The use of the machines of a study, or why it is unknown; reading it from `machines.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hydra_vertex.job.machine_use import MACHINES_FILE, MachineCurve, MachineUse, read_machine_use
from hydra_vertex.launcher.files.reading import FileKind, read_text
from hydra_vertex.protocol.errors import OutputError

_FILE = FileKind("machines' file", 64 << 20, OutputError, "remove it to have the report without the machines")


@dataclass(frozen=True, slots=True)
class StudyMachines:
    """The curves of a study. `missing` is one sentence about why there are none, or not all; it may be empty."""

    use: MachineUse = field(default_factory=dict)
    missing: str = ""

    @property
    def reasons(self) -> Mapping[str, tuple[str, ...]]:
        """Why curves are missing, each reason with the ids of its trials; none for that of the whole study."""
        found: dict[str, list[str]] = {self.missing: []} if self.missing else {}
        for trial, curves in self.use.items():
            for reason in dict.fromkeys(curve.missing for curve in curves if curve.missing):
                found.setdefault(reason, []).append(trial)
        return {reason: tuple(trials) for reason, trials in found.items()}

    def curves(self) -> Iterator[tuple[str, MachineCurve]]:
        """Yield the curves that have points, with the ids of their trials."""
        for trial, curves in self.use.items():
            yield from ((trial, curve) for curve in curves if curve.time_s)


NO_MACHINES = StudyMachines()


def machines_beside(job_file: Path) -> StudyMachines:
    """Return what the file beside a run's job says; nothing when there is none.

    Raises OutputError when it cannot be read, DocumentError when it is not such a file or another version's.
    """
    file = job_file.with_name(MACHINES_FILE)
    if not file.exists():
        return NO_MACHINES
    return StudyMachines(read_machine_use(read_text(file, _FILE), str(file)))
