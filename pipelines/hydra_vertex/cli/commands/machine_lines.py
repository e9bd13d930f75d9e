"""What the machines of a study were busy with, for the commands: where it is read, and the lines about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import say

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.machines import StudyMachines
    from hydra_vertex.launcher.study.job_source import JobSource


def machines_of_source(source: JobSource | None, job: HyperparameterTuningJob) -> StudyMachines:
    """Return the machines of a job: from the file beside its document, else from its service.

    Those of a study in the database of a service's folder are in the folders of its trials. A document without that
    file has none: a file is read without the network. Raises OutputError, DocumentError.
    """
    from hydra_vertex.launcher.machines import NO_MACHINES
    from hydra_vertex.launcher.machines.from_service import machines_of
    from hydra_vertex.launcher.machines.study_machines import machines_beside
    from hydra_vertex.service.stored_jobs import database_of

    if source is None:
        return NO_MACHINES
    if source.document is not None:
        place = Path(source.place)
        return _machines_in(place.parent, job) if place == database_of(place.parent) else machines_beside(place)
    return machines_of(job, "" if source.reference is None else source.reference.api_endpoint)


def _machines_in(studies: Path, job: HyperparameterTuningJob) -> StudyMachines:
    """Return the machines of a job of a service's folder."""
    from hydra_vertex.job.confirmation import job_id
    from hydra_vertex.launcher.machines import StudyMachines
    from hydra_vertex.pipelines.local.run_folder import machines_in

    return StudyMachines(machines_in(studies, job_id(job.name)))


def machine_lines(job_file: Path) -> tuple[str, ...]:
    """Return one line for each thing that is wrong with the machines of a finished run."""
    from hydra_vertex.launcher.machines import machine_findings
    from hydra_vertex.launcher.machines.study_machines import machines_beside
    from hydra_vertex.protocol.errors import UserError

    try:
        return tuple(finding.text for finding in machine_findings(machines_beside(job_file)))
    except UserError as error:
        say(f"the use of the machines is not shown: {error}")
        return ()
