"""Which parameters come next. Each suggestion is a function of the job's id, the trial's number and what is recorded.

So nothing is to be told and nothing to be rebuilt: a service that is started again suggests what it would have
suggested.
"""

from __future__ import annotations

from hydra_vertex.job import Algorithm, StudySpec
from hydra_vertex.service.space.search_space import space_of

from .grid_search import GridSearch
from .lazy import Deferred
from .protocol import Optimizer, Parameters
from .random_search import RandomSearch

__all__ = ["Optimizer", "Parameters", "load_model", "optimizer_for", "startup_trials"]

LEAST_STARTUP_TRIALS = 4
MOST_STARTUP_TRIALS = 10


def optimizer_for(spec: StudySpec, job_id: str, max_trial_count: int) -> Optimizer:
    """The optimiser that a study asks for."""
    match spec.algorithm:
        case Algorithm.GRID_SEARCH:
            return GridSearch(space_of(spec.parameters))
        case Algorithm.RANDOM_SEARCH:
            return RandomSearch(space_of(spec.parameters), job_id)
        case _:
            return Deferred(lambda: _bayesian(spec, job_id, startup_trials(max_trial_count)))


def _bayesian(spec: StudySpec, job_id: str, startup: int) -> Optimizer:
    from .bayesian import BayesianSearch

    return BayesianSearch(spec, job_id, startup)


def startup_trials(max_trial_count: int) -> int:
    """How many trials explore before the model is asked: a quarter of them, within sensible bounds."""
    return min(max(LEAST_STARTUP_TRIALS, max_trial_count // 4), MOST_STARTUP_TRIALS)


def load_model() -> None:
    """Import the libraries of the model, so that the first suggestion need not wait for them."""
    from . import bayesian as bayesian
