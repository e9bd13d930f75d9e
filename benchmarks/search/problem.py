"""A problem to search: its space as Vertex's study has it, what a trial returns, and the least value there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hydra_vertex.job import Goal, MetricSpec, ParameterSpec, ParameterValue, StudySpec

METRIC = "loss"


@dataclass(frozen=True, slots=True)
class Problem:
    """`evaluate` gives None where the trial fails; `minimum` is the least value anywhere in the space."""

    name: str
    parameters: tuple[ParameterSpec, ...]
    evaluate: Callable[[Mapping[str, ParameterValue]], float | None]
    minimum: float

    @property
    def study_spec(self) -> StudySpec:
        return StudySpec((MetricSpec(METRIC, Goal.MINIMIZE),), self.parameters)
