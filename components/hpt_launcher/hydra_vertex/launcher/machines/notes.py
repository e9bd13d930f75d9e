"""The sentences about the machines of a study: what is wrong, and what was not measured. Pure."""

from __future__ import annotations

from .findings import MAX_NAMED, machine_findings
from .study_machines import StudyMachines


def machine_notes(machines: StudyMachines) -> tuple[str, ...]:
    """Return the findings, then why curves are missing, each reason once."""
    found = [f"{finding.text[0].upper()}{finding.text[1:]}." for finding in machine_findings(machines)]
    return (*found, *missing_notes(machines))


def missing_notes(machines: StudyMachines) -> tuple[str, ...]:
    """Return why curves are missing, each reason once."""
    return tuple(
        f"Not measured{_of(trials, len(machines.use))}: {reason}." for reason, trials in machines.reasons.items()
    )


def _of(trials: tuple[str, ...], count: int) -> str:
    """Return the trials; nothing where all are meant."""
    if not trials or len(trials) == count:
        return ""
    more = len(trials) - MAX_NAMED
    named = ", ".join(trials[:MAX_NAMED])
    return f" in trial{'s' if len(trials) > 1 else ''} {named}{f' and {more} more' if more > 0 else ''}"
