"""The study that a tool call names, and whether the server's rules allow to read it and to start its app."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.launcher.secrets.masker import NO_SECRETS
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError, OutputError, UserError

from .rules import Rules

if TYPE_CHECKING:
    from hydra_vertex.launcher.study.job_reference import JobReference
    from hydra_vertex.launcher.study.job_source import JobSource


_FILES_OF_A_RUN = ("job.json", "plan.json", "studies", "studies/service.json", "studies/service.db")
_OF_GOOGLE = "//aiplatform.googleapis.com/"
"""Begins the full name of a resource, which a command takes for no path and no database."""


@dataclass(frozen=True, slots=True)
class Study:
    """A study by the word that a command takes: a path below the root, or the full name of a resource of Vertex AI."""

    word: str
    path: Path | None


def study_named(rules: Rules, text: str) -> Study:
    """Return the study that a text names. Raises UserError for one that the rules do not allow.

    A command reads whatever path or database its word names, so no text of a call is passed on as it is.
    """
    from hydra_vertex.launcher.study.job_reference import is_reference, parse_reference

    if not is_reference(text) or _is_below(rules, text):
        path = rules.path(text)
        return Study(str(path), path)
    _require_vertex(rules, text)
    found = parse_reference(text)
    _require_usual_service(text, found)
    return Study(f"{_OF_GOOGLE}{found.name}", None)


def _is_below(rules: Rules, text: str) -> bool:
    """Whether a text is the path of something below the root, such as the folder of a run with the name `1`."""
    try:
        return rules.path(text).exists()
    except (OutputError, OSError):
        return False


def _require_usual_service(text: str, found: JobReference) -> None:
    if found.api_endpoint:
        raise UserError(
            f"{excerpt(text)}: is a job of the service {found.api_endpoint}; a tool reads only the usual service of a "
            f"location of Vertex AI, by the name {found.name}, and a service on this machine by the folder of its run"
        )


def require_readable(rules: Rules, study: Study) -> None:
    """Check the service that a command would ask. It may ask a service on this machine.

    Raises UserError when a file refers to a job of Vertex AI that the rules do not allow, OutputError when it has none
    and when a file of a run's folder is a symbolic link out of the root.
    """
    if study.path is not None:
        _source(rules, study)


def app_of(rules: Rules, study: Study) -> tuple[str, ...]:
    """Return the app's command of a study, which must begin with the server's. Raises UserError, ServiceError."""
    from hydra_vertex.launcher.preflight.job_builder import app_in

    own = rules.command(())
    app = app_in(_source(rules, study).job()) or ()
    if app[: len(own)] != own:
        raise CommandError(
            f"{study.word}: is a study of {_shown(app)}, and this server starts only {_shown(own)}; ask your user for "
            "a server of that app"
        )
    return app


def _shown(command: tuple[str, ...]) -> str:
    return excerpt(shlex.join(NO_SECRETS.arguments(command)))


def _source(rules: Rules, study: Study) -> JobSource:
    from hydra_vertex.launcher.study.job_reference import parse_reference
    from hydra_vertex.launcher.study.job_source import JobSource, find_job
    from hydra_vertex.protocol.errors import OutputError

    if study.path is None:
        return JobSource(parse_reference(study.word), place=study.word)
    for name in _FILES_OF_A_RUN if study.path.is_dir() else ():
        rules.path(str(study.path / name))
    try:
        source = find_job(study.word, of_study=True)
    except OutputError:
        # A run that was killed has written no document, but its service's database has its study.
        stored = _stored(study)
        if stored is None:
            raise
        return stored
    if source.document is None and source.reference is not None and not source.is_local:
        _require_vertex(rules, study.word)
        _require_usual_service(study.word, source.reference)
    return source


def _stored(study: Study) -> JobSource | None:
    """Return the study of a run's folder from the database of its service; None when there is none."""
    from hydra_vertex.launcher.study.job_reference import JobReference
    from hydra_vertex.launcher.study.job_source import JobSource
    from hydra_vertex.service.stored_jobs import database_of, newest_study

    studies = None if study.path is None else study.path / "studies"
    job = None if studies is None else newest_study(studies)
    return None if studies is None or job is None else JobSource(JobReference(job.name), job, str(database_of(studies)))


def _require_vertex(rules: Rules, text: str) -> None:
    if not rules.allow_vertex:
        raise UserError(
            f"{excerpt(text)}: a job of Vertex AI is read with your user's credentials, which needs a server that was "
            "started with --allow-vertex; ask your user to start it so"
        )
