"""The pipeline step `select_best`: writes the best trial's config, its overrides, and the report."""

from __future__ import annotations

import sys
from pathlib import Path

from hydra_vertex.launcher.best.best_trial import best_config
from hydra_vertex.launcher.best.threshold import missed_threshold, parse_threshold
from hydra_vertex.launcher.decisions import ON_MISSED_THRESHOLD, SKIP_RETRAINING
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.preflight.app_environment import app_environment
from hydra_vertex.launcher.preflight.job_builder import environment_in
from hydra_vertex.launcher.report import write_report
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.errors import StudyError
from hydra_vertex.protocol.executor import ExecutorInput, parameter_text
from hydra_vertex.protocol.files import write_atomic

from .step import one_of, run_step

CONFIG_DIR = "CONFIG_DIR"
"""Placeholder for the folder that contains `experiment/best.yaml`, in the command that reproduces the best trial."""


def select_best(given: ExecutorInput) -> None:
    """Select the best trial of a finished tuning job; write its config as a Hydra experiment file, and a report.

    Raises StudyError when no trial can be selected, and, with all outputs written, when the best value is worse than
    `metric_threshold`, unless `on_missed_threshold` is `skip-retraining`.
    """
    threshold = parse_threshold(given.text("metric_threshold"))
    skips = one_of(given, "on_missed_threshold", ON_MISSED_THRESHOLD) == SKIP_RETRAINING
    job = read_job(given.inputs["job"].path)
    with app_environment(environment_in(job)):
        best = best_config(job, given.strings("app_command"))
    if best.shortfall:
        print(f"select_best: {one_line(best.mask.text(best.shortfall))}", file=sys.stderr)
    write_atomic(given.outputs["best_config"].path, best.experiment)
    write_report(job, given.outputs["report"].path, best=best.trial, overrides=best.overrides)
    _touch(given.outputs["metrics"].path)
    metric = job.study_spec.objective.id
    missed = missed_threshold(best.value, threshold, job.study_spec.objective)
    given.write_output(
        {
            "overrides": parameter_text(list(best.overrides)),
            "reproduce": best.command_with(CONFIG_DIR),
            "best_trial_id": best.trial.id,
            "best_value": best.value,
            "skip_reason": missed,
        },
        {
            "best_config": {"trialId": best.trial.id, "jobState": job.state.value},
            "metrics": {metric: best.value},
        },
    )
    if missed and not skips:
        raise StudyError(f"{missed}; the outputs of this step are written, and nothing is retrained")
    if missed:
        print(f"select_best: {missed}; nothing is retrained", file=sys.stderr)


def _touch(path: Path) -> None:
    """Create an empty file: a metrics artifact is stored in its metadata, but its path must exist."""
    write_atomic(path, "")


if __name__ == "__main__":
    sys.exit(run_step("select_best", select_best))
