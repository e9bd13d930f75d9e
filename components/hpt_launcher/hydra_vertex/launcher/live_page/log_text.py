"""The text of a trial's log on the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.logs.log_text import shown_log
from hydra_vertex.launcher.secrets.of_job import masker_of


def log_text(log: str, job: HyperparameterTuningJob, environ: Mapping[str, str]) -> str:
    """Return a log without the secrets of the job's command, and without control characters."""
    return shown_log(log, masker_of(job, environ))
