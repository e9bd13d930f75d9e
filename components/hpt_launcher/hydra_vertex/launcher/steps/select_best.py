"""The pipeline step `select_best`: writes the best trial's config, overrides and model's address, and the report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.job.preference import PARAMETER, prefer_labels, with_preference
from hydra_vertex.launcher.best.best_trial import BestConfig, best_config
from hydra_vertex.launcher.best.members import write_members
from hydra_vertex.launcher.best.model_artifacts import (
    BEST_CHECKPOINT,
    BEST_MODEL,
    job_metrics,
    job_state,
    model_artifacts,
    require_checkpoint,
    trial_metadata,
)
from hydra_vertex.launcher.best.outputs import TrialOutputs, trial_outputs
from hydra_vertex.launcher.best.selection import ended_without_success
from hydra_vertex.launcher.best.threshold import missed_threshold, parse_threshold
from hydra_vertex.launcher.confirm.choice import choice_of
from hydra_vertex.launcher.confirm.result import Confirmation
from hydra_vertex.launcher.confirm.text import metrics
from hydra_vertex.launcher.cost.prices import Prices, load_prices
from hydra_vertex.launcher.decisions import ON_MISSED_THRESHOLD, RETRAINING, RUN, SKIP_RETRAINING
from hydra_vertex.launcher.logs.from_service import logs_of
from hydra_vertex.launcher.machines.from_service import machines_of
from hydra_vertex.launcher.preflight.app_environment import app_environment
from hydra_vertex.launcher.preflight.job_builder import environment_in
from hydra_vertex.launcher.report import write_report
from hydra_vertex.launcher.report.earlier import earlier_text
from hydra_vertex.launcher.report.markdown import summary_markdown
from hydra_vertex.launcher.report.spending import spending_of
from hydra_vertex.launcher.study.ending import problem_of
from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol.errors import HydraVertexError, StudyError
from hydra_vertex.protocol.executor import ExecutorInput, parameter_text
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import JsonObject

from .given_job import given_confirmation, given_job
from .step import one_of, run_step

LIMIT_S = 3600.0
"""The time limit of the step, which composes the app's config a few times and draws the report."""

CONFIG_DIR = "CONFIG_DIR"
"""Placeholder for the folder that contains `experiment/best.yaml`, in the command that reproduces the best trial."""


def select_best(given: ExecutorInput) -> None:
    """Select the best trial of a finished tuning job; write its config as a Hydra experiment file, and a report.

    Its model and its newest checkpoint become artifacts where they are. Raises StudyError when no trial can be
    selected, and, with all outputs written, when the best value is worse than `metric_threshold`, unless
    `on_missed_threshold` is `skip-retraining`, and when the retraining is to start from a checkpoint that the trial has
    not.
    """
    decisions = _Decisions.of(given)
    job = _preferring(given_job(given), given.text(PARAMETER))
    confirmation = given_confirmation(given, job)
    choice = None if confirmation is None else choice_of(job, confirmation)
    with app_environment(environment_in(job)):
        best = best_config(job, given.strings("app_command"), choice=choice)
    if best.shortfall:
        _say(best.mask.text(best.shortfall))
    write_atomic(given.outputs["best_config"].path, best.experiment)
    write_report(
        job,
        given.outputs["report"].path,
        best=best.trial,
        overrides=best.overrides,
        prices=decisions.prices,
        confirmation=confirmation,
        machines=machines_of(job, given.text("api_endpoint")),
        logs=logs_of(job, given.text("api_endpoint")),
    )
    missed = missed_threshold(best.value, decisions.threshold, job.study_spec.objective)
    outputs = trial_outputs(job, best.trial)
    spending = spending_of(job, decisions.prices)
    if spending is not None and spending.problem:
        _say(spending.problem)
    spent = {**(spending.metrics() if spending is not None else {}), **_repeats_metrics(confirmation, decisions.prices)}
    if best.rule:
        chosen = f"trial {best.trial.id} is selected from the {len(best.pareto)} trials of the Pareto set"
        _say(best.mask.text(f"{chosen}: {best.rule}"))
    _write_outputs(given, job, best, outputs, missed, spent)
    if "summary" in given.outputs:  # a pipeline that an earlier version has compiled has none
        write_atomic(given.outputs["summary"].path, _summary(job, best, missed))
    if "pareto" in given.outputs:
        write_members(best.pareto, given.outputs["pareto"].path)
    _log_experiment(given, job, best)
    if missed and not decisions.skips:
        raise StudyError(f"{missed}; the outputs of this step are written, and nothing is retrained")
    if missed:
        _say(f"{missed}; nothing is retrained")
    else:
        require_checkpoint(decisions.warm_start_key, outputs)


def _preferring(job: HyperparameterTuningJob, prefer: str) -> HyperparameterTuningJob:
    """Return the job with the preferred objective of the step's parameter, if there is one. Raises DocumentError."""
    if prefer:
        prefer_labels(job.study_spec, prefer)
        return with_preference(job, prefer)
    return job


def _summary(job: HyperparameterTuningJob, best: BestConfig, missed: str) -> str:
    compared = "" if best.against_defaults is None else best.against_defaults.text
    problem = problem_of(job) if ended_without_success(job) else ""
    chosen = f"Selected from the {len(best.pareto)} trials of the Pareto set: {best.rule}" if best.rule else ""
    notes = (chosen, compared, earlier_text(job.labels), missed, problem)
    return summary_markdown(job, best.trial, mask=best.mask, reproduce=best.command_with(CONFIG_DIR), notes=notes)


def _repeats_metrics(confirmation: Confirmation | None, prices: Prices) -> dict[str, float]:
    """Return the numbers about the repeats for the metrics; none without repeats."""
    if confirmation is None:
        return {}
    spending = spending_of(confirmation.job, prices)
    used = {} if spending is None else spending.metrics()
    spent = {f"repeats_{name}": used[name] for name in ("worker_hours", "cost") if name in used}
    return {**spent, **metrics(confirmation)}


@dataclass(frozen=True, slots=True)
class _Decisions:
    """What the step decides by. `skips`: a missed threshold leaves the retraining out, and does not fail the step."""

    threshold: float | None
    skips: bool
    warm_start_key: str
    prices: Prices

    @classmethod
    def of(cls, given: ExecutorInput) -> _Decisions:
        """Read the step's parameters. Raises DocumentError."""
        is_retrained = one_of(given, "retraining", RETRAINING) == RUN
        return cls(
            threshold=parse_threshold(given.text("metric_threshold")),
            skips=one_of(given, "on_missed_threshold", ON_MISSED_THRESHOLD) == SKIP_RETRAINING,
            warm_start_key=given.text("warm_start_key") if is_retrained else "",
            prices=load_prices(given.text("hourly_prices")),
        )


def _write_outputs(
    given: ExecutorInput,
    job: HyperparameterTuningJob,
    best: BestConfig,
    outputs: TrialOutputs,
    missed: str,
    spent: JsonObject,
) -> None:
    problem = best.mask.text(problem_of(job)) if ended_without_success(job) else ""
    artifacts = model_artifacts(given, trial_metadata(job, best, problem), outputs)
    for name in ("metrics", "pareto", BEST_MODEL, BEST_CHECKPOINT):
        _provide_place(given, name, artifacts.uris)
    given.write_output(
        {
            "overrides": parameter_text(list(best.overrides)),
            "reproduce": best.command_with(CONFIG_DIR),
            "best_trial_id": best.trial.id,
            "best_value": best.value,
            "skip_reason": missed,
        },
        {
            "best_config": {"trialId": best.trial.id, **job_state(job, problem)},
            "metrics": {**spent, **best.values, **job_metrics(job)},
            "pareto": _pareto(best),
            **artifacts.metadata,
        },
        artifacts.uris,
    )
    for note in artifacts.notes:
        _say(best.mask.text(note))


def _pareto(best: BestConfig) -> JsonObject:
    return {"trialIds": [member.trial.id for member in best.pareto], "rule": best.rule} if best.rule else {}


def _log_experiment(given: ExecutorInput, job: HyperparameterTuningJob, best: BestConfig) -> None:
    """Log the trials in an experiment, if the pipeline asks for it. A failure is told, and the selection is kept."""
    experiment = given.text("log_experiment")
    if not experiment:
        return
    from hydra_vertex.launcher.study.experiment_log import log_experiment

    try:
        _say(log_experiment(job, experiment, best.mask, given.text("api_endpoint")))
    except HydraVertexError as error:
        _say(best.mask.text(f"the trials are not logged in the experiment {experiment}: {error}"))


def _provide_place(given: ExecutorInput, name: str, uris: Mapping[str, str]) -> None:
    """Create what an artifact's path must have: a folder for one that stays empty, an empty file for metrics."""
    artifact = given.outputs.get(name)
    if name == "metrics" and artifact is not None:
        write_atomic(artifact.path, "")
    elif artifact is not None and name not in uris:
        artifact.path.mkdir(parents=True, exist_ok=True)


def _say(text: str) -> None:
    print(f"select_best: {one_line(text)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_step("select_best", select_best, limit_s=LIMIT_S))
