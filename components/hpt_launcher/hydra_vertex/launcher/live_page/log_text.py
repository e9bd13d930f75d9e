"""The text of a trial's log on the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.text.terminal import printable


def log_text(log: str, job: HyperparameterTuningJob, environ: Mapping[str, str]) -> str:
    """Return a log without the secrets of the job's command, and without control characters."""
    text = masker_of(job, environ).text(log)
    return "\n".join(printable(line.expandtabs(4)) for line in text.split("\n"))
