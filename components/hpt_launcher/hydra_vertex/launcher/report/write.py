"""Writes the report of a job document to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.launcher.confirm.result import Confirmation
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.files.output_file import write_output
from hydra_vertex.launcher.logs import NO_LOGS, StudyLogs
from hydra_vertex.launcher.machines import NO_MACHINES, StudyMachines
from hydra_vertex.protocol.errors import DocumentError


def write_report(
    job: HyperparameterTuningJob,
    path: Path,
    *,
    best: Trial | None,
    overrides: Sequence[str] = (),
    reproduce: str = "",
    title: str | None = None,
    is_private: bool = False,
    prices: Prices | None = None,
    confirmation: Confirmation | None = None,
    machines: StudyMachines = NO_MACHINES,
    logs: StudyLogs = NO_LOGS,
) -> None:
    """Write a job, finished or not, as one self-contained HTML file.

    `best` is the trial to mark (None while there is none) and `overrides` are the Hydra overrides that give its config.
    `reproduce` is the shell command displayed with it; when empty it is derived from the job's container command.
    `title` defaults to the job's display name. A private report has mode 0600. With `prices` the report has the cost,
    with `confirmation` the repeats of the best configurations, with `machines` what their machines were busy with, and
    with `logs` the ends of the trials' logs.
    Raises DocumentError for a job without a metric, OutputError when the file cannot be written.
    """
    if not job.study_spec.metrics:
        raise DocumentError("studySpec.metrics", "is empty, so no trial can be ranked; give the job.json of a run")
    from .page import render_page

    page = render_page(
        job,
        best=best,
        overrides=overrides,
        reproduce=reproduce,
        title=title,
        prices=prices or Prices(),
        confirmation=confirmation,
        machines=machines,
        logs=logs,
    )
    write_output(path, page, "the report", is_private=is_private)
