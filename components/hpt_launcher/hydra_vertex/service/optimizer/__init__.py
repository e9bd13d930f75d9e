"""Choose the parameters of the next trial: Bayesian, random or grid search, by the study's algorithm.

A suggestion is a function of the study's seed (`job.seed`), the trial's number and the recorded trials. An optimiser
keeps no state of its own, so a restarted service makes the same suggestions.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.job import Algorithm, Categorical, HyperparameterTuningJob, StudySpec, walk_parameters
from hydra_vertex.service.space.search_space import space_of

from .grid_search import GridSearch
from .protocol import Optimizer, Parameters
from .random_search import RandomSearch

__all__ = ["Optimizer", "Parameters", "load_model", "optimizer_for", "startup_trials"]

MIN_STARTUP_TRIALS = 4
MAX_STARTUP_TRIALS = 10


def optimizer_for(
    spec: StudySpec, source: str, max_trial_count: int, earlier: Sequence[HyperparameterTuningJob] = ()
) -> Optimizer:
    """Return the optimiser for the study's algorithm. Any algorithm but grid and random search is Bayesian.

    Only Bayesian search takes `earlier` studies into account.
    """
    match spec.algorithm:
        case Algorithm.GRID_SEARCH:
            return GridSearch(space_of(spec.parameters))
        case Algorithm.RANDOM_SEARCH:
            return RandomSearch(space_of(spec.parameters), source)
        case _:
            from .bayesian import BayesianSearch

            return BayesianSearch(spec, source, startup_trials(spec, max_trial_count), earlier)


def startup_trials(spec: StudySpec, max_trial_count: int) -> int:
    """Return how many trials explore before the model is used: at least 4 and at most 10.

    A quarter of all trials; up to a half, where there are as many parameters or as many values of one category. Of a
    few points the model cannot tell which parameters matter, and it would stay with the best category among them.
    """
    parameters = list(walk_parameters(spec.parameters))
    values = [len(p.domain.values) for p in parameters if isinstance(p.domain, Categorical)]
    wanted = max(max_trial_count // 4, min(max_trial_count // 2, max([len(parameters), *values])))
    return min(max(MIN_STARTUP_TRIALS, wanted), MAX_STARTUP_TRIALS)


def load_model() -> None:
    """Import numpy, scipy and the model, which takes 0.4 s. Raises OSError, ImportError."""
    from . import bayesian as bayesian
