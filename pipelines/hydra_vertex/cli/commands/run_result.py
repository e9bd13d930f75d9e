"""The result of `hydra-vertex run`, as a JSON object and as text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import show

from .confirm_options import confirmation_document, confirmation_in, show_confirmation
from .machine_lines import machine_lines

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.best.against_defaults import AgainstDefaults
    from hydra_vertex.pipelines.local.run import RunResult
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json, JsonObject


def result_document(result: RunResult, plan: TuningPlan, estimate: Json) -> JsonObject:
    """Return the result as a JSON object; `estimate` is the document of the estimated cost."""
    from hydra_vertex.job.seed import SEED_LABEL
    from hydra_vertex.launcher.files.job_file import read_job
    from hydra_vertex.launcher.secrets.masker import NO_SECRETS

    job, spec = read_job(result.folder.job), plan.study_spec
    compared = _compared(job, result)
    return {
        "metric": spec.objective.id,
        **({"metrics": list(spec.metric_ids)} if spec.has_several_objectives else {}),
        "bestTrial": result.best_trial,
        "value": result.best_value,
        "againstDefaults": None if compared is None else compared.document(),
        "seed": job.labels.get(SEED_LABEL, ""),
        "retrainedValue": result.retrained_value,
        "comparison": result.comparison,
        "confirmation": confirmation_document(confirmation_in(result.folder.job)),
        "bestModel": result.best_model,
        "bestCheckpoint": result.best_checkpoint,
        "overrides": NO_SECRETS.arguments(result.overrides),
        "reproduce": result.reproduce,
        "machines": list(machine_lines(result.folder.job)),
        "files": dict(_files(result, plan)),
        "estimate": estimate,
    }


def show_result(result: RunResult, plan: TuningPlan) -> None:
    """Print the result for a reader."""
    from hydra_vertex.launcher.files.job_file import read_job
    from hydra_vertex.launcher.secrets.of_job import masker_of

    job, spec = read_job(result.folder.job), plan.study_spec
    compared = _compared(job, result)
    show_confirmation(confirmation_in(result.folder.job))
    chosen = "is selected from the Pareto set: its first objective" if spec.has_several_objectives else "is the best:"
    value = f"{spec.objective.id} {result.best_value:.6g}"
    show(f"trial {result.best_trial} {chosen} {value}, {_retrained(result, plan)}")
    if compared is not None:
        show(masker_of(job, os.environ).text(compared.text))
    if result.comparison:
        show(result.comparison)
    for line in machine_lines(result.folder.job):
        show(line)
    for name, path in _files(result, plan).items():
        show(f"  {name:<10} {path}")
    show(f"To run the best config again:\n  {result.reproduce}")


def _compared(job: HyperparameterTuningJob, result: RunResult) -> AgainstDefaults | None:
    """Compare the defaults with the selected trial, which with repeats need not have the study's best value."""
    from hydra_vertex.launcher.best.against_defaults import against_defaults

    return against_defaults(job, next((trial for trial in job.trials if trial.id == result.best_trial), None))


def _files(result: RunResult, plan: TuningPlan) -> dict[str, str]:
    pareto = ("pareto",) if plan.study_spec.has_several_objectives else ()
    names = ("job", "best", *pareto, "overrides", "report")
    model = str(result.folder.model) if result.folder.model.exists() else result.best_model
    return {**{name: str(getattr(result.folder, name)) for name in names}, **({"model": model} if model else {})}


def _retrained(result: RunResult, plan: TuningPlan) -> str:
    from hydra_vertex.launcher.decisions import SKIP

    if plan.model.retraining == SKIP:
        return "not retrained"
    return f"retrained {'no metric' if result.retrained_value is None else f'{result.retrained_value:.6g}'}"
