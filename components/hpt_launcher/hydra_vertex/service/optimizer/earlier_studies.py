"""What a study takes from earlier studies: points to try first, and models for its prior mean."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from hydra_vertex.job import HyperparameterTuningJob, ParameterSpec
from hydra_vertex.service.space.search_space import Point

from .encoding import Encoding
from .other_study import earlier_study, first_points
from .prior_mean import StudyModel, study_models


class EarlierStudies:
    """The earlier studies of a new one, which has `startup` trials before its model is used.

    They are a part of the new job, so what they give is the same in every process.
    """

    def __init__(
        self,
        encoding: Encoding,
        parameters: Sequence[ParameterSpec],
        jobs: Sequence[HyperparameterTuningJob],
        startup: int,
    ) -> None:
        self._encoding = encoding
        self._studies = [earlier_study(encoding, parameters, job) for job in jobs]
        self._first = first_points(encoding, self._studies, first_count(startup)) if jobs else ()

    def first_point(self, number: int) -> Point | None:
        """Return the point to try first as the trial with that number, from 2; None if there is none."""
        return self._first[number - 2] if 2 <= number < 2 + len(self._first) else None

    @cached_property
    def models(self) -> tuple[StudyModel, ...]:
        """The models of the studies, which are fitted at the first use."""
        return study_models(self._encoding, self._studies)


def first_count(startup: int) -> int:
    """Return how many earlier points are tried first at most: a third of the startup trials, at least 1."""
    return max(1, startup // 3)
