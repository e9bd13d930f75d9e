"""A search problem: its parameters in the form of a Vertex AI study, its objective, and its minimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hydra_vertex.job import Goal, MetricSpec, ParameterSpec, ParameterValue, StudySpec

METRIC = "loss"


@dataclass(frozen=True, slots=True)
class Problem:
    """A search problem. `evaluate` returns None if the trial fails; `minimum` is the lowest value in the space.

    `true_loss` is the loss without noise; None where `evaluate` has none.
    """

    name: str
    parameters: tuple[ParameterSpec, ...]
    evaluate: Callable[[Mapping[str, ParameterValue]], float | None]
    minimum: float
    true_loss: Callable[[Mapping[str, ParameterValue]], float] | None = None

    @property
    def study_spec(self) -> StudySpec:
        return StudySpec((MetricSpec(METRIC, Goal.MINIMIZE),), self.parameters)
