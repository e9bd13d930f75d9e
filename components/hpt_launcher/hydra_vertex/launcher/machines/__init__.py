"""What the machines of a study's trials were busy with: where it is read, and what is wrong with it."""

from .findings import Finding, machine_findings
from .study_machines import NO_MACHINES, StudyMachines

__all__ = ["NO_MACHINES", "Finding", "StudyMachines", "machine_findings"]
