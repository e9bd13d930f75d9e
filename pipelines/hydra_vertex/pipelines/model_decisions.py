"""What a pipeline does with the best trial's model: retrain or not, from which weights, and where trials are logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hydra_vertex.job import StudySpec, walk_parameters
from hydra_vertex.launcher.decisions import RUN, SKIP
from hydra_vertex.launcher.study.experiment_runs import require_experiment_name
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import UserError

_KEY = re.compile(r"[A-Za-z_][\w/-]*(\.[\w-]+)*")


@dataclass(frozen=True, slots=True)
class ModelDecisions:
    """The decisions about the model. The attributes are the pipeline's parameters of the same names."""

    retraining: str = RUN
    warm_start_key: str = ""
    log_experiment: str = ""

    def pipeline_arguments(self) -> dict[str, str]:
        """Return the parameters that are not at their defaults, which earlier pipelines do not have."""
        found = {"warm_start_key": self.warm_start_key, "log_experiment": self.log_experiment}
        if self.retraining != RUN:
            found["retraining"] = self.retraining
        return {name: text for name, text in found.items() if text}


def model_decisions(
    *, no_retrain: bool, warm_start_key: str, log_experiment: str, retrain_overrides: Iterable[str]
) -> ModelDecisions:
    """Return the decisions that the options describe. Raises UserError when they contradict each other."""
    overrides = tuple(retrain_overrides)
    if no_retrain and (warm_start_key or overrides):
        other = f"--warm-start {warm_start_key}" if warm_start_key else f"--retrain {excerpt(overrides[0])}"
        raise UserError(f"{other} is for the retraining, and --no-retrain leaves it out; leave one of them out")
    if warm_start_key and not _KEY.fullmatch(warm_start_key):
        raise UserError(
            f"--warm-start {excerpt(warm_start_key)}: expected a key of the app's config, such as ckpt_path, "
            "without a value: it gets the path of the best trial's checkpoint"
        )
    if log_experiment:
        require_experiment_name(log_experiment)
    if warm_start_key in {override.lstrip("+~").partition("=")[0] for override in overrides}:
        raise UserError(
            f"--retrain sets {warm_start_key}, which --warm-start sets to the best trial's checkpoint; leave one of "
            "them out"
        )
    return ModelDecisions(SKIP if no_retrain else RUN, warm_start_key, log_experiment)


def require_not_tuned(key: str, spec: StudySpec, aliases: Iterable[str]) -> None:
    """Check that the search space does not set the key of the checkpoint. Raises UserError."""
    names = dict(alias.partition("=")[::2] for alias in aliases)
    for parameter in walk_parameters(spec.parameters):
        if key and names.get(parameter.id, parameter.id).lstrip("+") == key:
            raise UserError(f"--warm-start {key}: the search space has this key too; choose the key for a checkpoint")
