"""Names the parts of a plan that have no effect where it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.job.defaults import has_defaults
from hydra_vertex.service.trials.engines.options import EngineOptions
from hydra_vertex.service.validation.without_effect import fields_without_effect, sentence_with_engine

from .plan import TuningPlan


def without_effect_here(plan: TuningPlan, engine: EngineOptions) -> Iterator[str]:
    """Yield a sentence with the fields of the search file that mean nothing to trials that are child processes.

    An engine has machines and images, so those fields have an effect there.
    """
    fields = fields_without_effect(plan.trial_job_spec, "trialJobSpec", plan.job_fields)
    if text := sentence_with_engine(fields, "" if engine.is_this_machine else engine.name):
        yield text


def without_effect_on_vertex(plan: TuningPlan) -> Iterator[str]:
    """Yield sentences for the seed, which the API cannot express, for default values and for several objectives."""
    if plan.seed is not None:
        yield f"the seed {plan.seed} has no effect on Vertex AI, because its API has no field for one"
    if has_defaults(plan.study_spec):
        yield (
            f"{plan.source} has default values, which are sent: the API documents that tuning jobs do not support "
            "them, and what Vertex AI does with them is not known"
        )
    if plan.study_spec.has_several_objectives:
        yield (
            f"the study has {len(plan.study_spec.metrics)} objectives: Google documents such studies of Vertex AI "
            "Vizier, and does not say how a tuning job's trials are chosen for them (docs/several-objectives.md)"
        )


NO_BASELINE_ON_VERTEX = (
    "the app's own config is not the first trial on Vertex AI: its API has defaultValue for that, and documents that "
    "tuning jobs do not support it, so it is left out"
)
