"""Options of the commands that refer to a job: which job, and in which service."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import endpoint, optuna_study, resource, word

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.study.job_source import JobSource

RESOURCE_HELP = (
    "a job of any origin: its resource name (projects/P/locations/L/hyperparameterTuningJobs/ID), a numeric id with "
    "--project and --location, the URL of its page in the Google Cloud console, the text or file of gcp_resources, a "
    "job document in JSON or YAML (such as job.json, or what `gcloud ai hp-tuning-jobs describe` prints), the folder "
    "of a run, or - for standard input"
)


def add_resource_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a job, and the options of its service."""
    parser.add_argument("resource", type=resource, metavar="RESOURCE", help=RESOURCE_HELP)
    place = parser.add_argument_group("service")
    place.add_argument("--project", type=word, metavar="P", help="Google Cloud project, for a numeric id")
    place.add_argument("--location", type=word, metavar="L", help="region, for a numeric id")
    add_endpoint_option(place)


def add_endpoint_option(place: argparse._ArgumentGroup) -> None:
    """Add the option for a service other than Google's of the location."""
    place.add_argument(
        "--endpoint",
        "--api-endpoint",
        dest="api_endpoint",
        type=endpoint,
        metavar="URL",
        help="the tuning service, such as http://127.0.0.1:8080 (default: Google's service of the location)",
    )


def source_from(arguments: argparse.Namespace, *, of_study: bool = False) -> JobSource:
    """Return the job that the command line names; `of_study` as in `find_job`. Raises UserError when it names none."""
    from hydra_vertex.launcher.optuna_storage.place import storage_to_read
    from hydra_vertex.protocol.errors import UserError

    storage = storage_to_read(arguments.resource)
    if storage is not None:
        raise UserError(
            f"{storage.text}: an Optuna storage has no job of a service; best, report, replay and export read it"
        )
    return _found(
        arguments.resource,
        project=arguments.project or "",
        location=arguments.location or "",
        api_endpoint=arguments.api_endpoint or "",
        of_study=of_study,
    )


def followed_source_from(arguments: argparse.Namespace) -> JobSource:
    """Return the job that the command line names, to be followed or changed; for the job.json of a run, the run's job.

    Raises UserError when it names none.
    """
    from .run_state import run_folder_of, stored_run

    source = source_from(arguments)
    folder = run_folder_of(arguments.resource)
    if folder is None or stored_run(arguments.resource, source) is None or folder == Path(arguments.resource):
        return source
    return _found(str(folder), project="", location="", api_endpoint="", of_study=False)


def _found(text: str, *, project: str, location: str, api_endpoint: str, of_study: bool) -> JobSource:
    """Return the job to which a text refers (`find_job`); in the folder of a run also that of a run that was killed.

    Such a run has written no job.json, or an older one; the database of its service has the newest state.
    """
    from hydra_vertex.launcher.study.job_source import find_job
    from hydra_vertex.protocol.errors import OutputError

    try:
        found = find_job(text, project=project, location=location, api_endpoint=api_endpoint, of_study=of_study)
    except OutputError:
        stored = _stored(text)
        if stored is None:
            _refuse_run_without_study(text)
            raise
        return stored
    if found.document is None or found.document.state.is_terminal:
        return found
    return _stored(text) or found


def _refuse_run_without_study(text: str) -> None:
    """Raises UserError for the folder of a run that has not begun its study."""
    from hydra_vertex.protocol.errors import UserError

    from .run_state import without_study

    if problem := without_study(text):
        raise UserError(problem)


def _stored(text: str) -> JobSource | None:
    """Return the study in the database of a run's folder; None when the text is no such folder, or it has none."""
    from hydra_vertex.launcher.study.job_reference import JobReference
    from hydra_vertex.launcher.study.job_source import JobSource
    from hydra_vertex.service.stored_jobs import database_of, newest_study

    studies = Path(text) / "studies"
    if text == "-" or not database_of(studies).is_file():
        return None
    job = newest_study(studies)
    return None if job is None else JobSource(JobReference(job.name), job, str(database_of(studies)))


def add_finished_study_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a job or an Optuna storage, and the options that choose among several."""
    add_resource_argument(parser)
    parser.add_argument(
        "--study",
        type=optuna_study,
        metavar="NAME",
        help="the study of an Optuna storage (sqlite:///FILE, postgresql://…, or a file) that has several",
    )


def job_from(arguments: argparse.Namespace) -> HyperparameterTuningJob:
    """Return the job that the command line names, or the study of an Optuna storage as one.

    Raises UserError when it names none, ServiceError.
    """
    return read_job_at(
        arguments.resource,
        study=arguments.study or "",
        project=arguments.project or "",
        location=arguments.location or "",
        api_endpoint=arguments.api_endpoint or "",
    )


def source_of_study(arguments: argparse.Namespace) -> JobSource | None:
    """Return where the job that the command line names is found; None when it names an Optuna storage."""
    from hydra_vertex.launcher.optuna_storage.place import storage_to_read

    return None if storage_to_read(arguments.resource) is not None else source_from(arguments, of_study=True)


def read_job_at(
    text: str, *, study: str = "", project: str = "", location: str = "", api_endpoint: str = ""
) -> HyperparameterTuningJob:
    """Return the job or the Optuna study to which a text refers. Raises UserError when it refers to none."""
    from hydra_vertex.launcher.optuna_storage.place import storage_to_read
    from hydra_vertex.protocol.errors import UserError

    storage = storage_to_read(text)
    if storage is None:
        if study:
            raise UserError(f"--study {study}: only an Optuna storage has several studies; leave the option out")
        return _found(text, project=project, location=location, api_endpoint=api_endpoint, of_study=True).job()
    for option, value in (("--project", project), ("--location", location), ("--endpoint", api_endpoint)):
        if value:
            raise UserError(f"{option} {value}: {storage.text} is an Optuna storage; leave the option out")
    from hydra_vertex.launcher.optuna_storage.read import read_study

    return read_study(storage, study)
