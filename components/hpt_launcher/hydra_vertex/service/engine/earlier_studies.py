"""Reads the earlier studies of a tuning job from the service's folder."""

from __future__ import annotations

import logging

from hydra_vertex.job import Algorithm, HyperparameterTuningJob
from hydra_vertex.job.earlier_studies import (
    EARLIER_STUDIES_LABEL,
    earlier_studies_digest,
    earlier_studies_file,
    parse_earlier_studies,
)
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.status import Refusal, Status

_FIELD = f"labels.{EARLIER_STUDIES_LABEL}"

logger = logging.getLogger(__name__)


def require_earlier_studies(folder: ServiceFolder, job: HyperparameterTuningJob) -> None:
    """Check that the earlier studies that a new job names can be used.

    Raises Refusal (INVALID_ARGUMENT) when the folder does not have them, and for a search that does
    not use them.
    """
    if EARLIER_STUDIES_LABEL not in job.labels:
        return
    if job.study_spec.algorithm in {Algorithm.GRID_SEARCH, Algorithm.RANDOM_SEARCH}:
        _refuse(f"{job.study_spec.algorithm.value} does not use earlier studies; only Bayesian search does")
    if len(job.study_spec.metrics) > 1:
        _refuse(f"the study has {len(job.study_spec.metrics)} metrics; earlier studies are used with one")
    try:
        _read(folder, job)
    except (OSError, ValueError, DocumentError) as error:
        _refuse(f"this service does not have the earlier studies ({error}); only `hydra-vertex run` provides them")


def earlier_studies_of(folder: ServiceFolder, job: HyperparameterTuningJob) -> tuple[HyperparameterTuningJob, ...]:
    """Return the earlier studies of an accepted job; none, with an error in the log, when the file is unusable."""
    try:
        return _read(folder, job)
    except (OSError, ValueError, DocumentError) as error:
        logger.error("%s goes on without its earlier studies: %s", job.name, error)  # noqa: TRY400 - no defect
        return ()


def _read(folder: ServiceFolder, job: HyperparameterTuningJob) -> tuple[HyperparameterTuningJob, ...]:
    digest = earlier_studies_digest(job.labels)
    if not digest:
        return ()
    return parse_earlier_studies(earlier_studies_file(folder.path, digest).read_text(encoding="utf-8"), digest)


def _refuse(problem: str) -> None:
    raise Refusal(Status.INVALID_ARGUMENT, f"{_FIELD}: {problem}", _FIELD)
