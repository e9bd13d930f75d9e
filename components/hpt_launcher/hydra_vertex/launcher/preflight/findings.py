"""What a check of a search space found. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.job import StudySpec
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a trial or the retraining could not be started.

    `parameter` and `value` are empty when no parameter is the cause. `context` are the other arguments that are needed
    for the problem to occur, such as a choice of a config group.
    """

    problem: str
    parameter: str = ""
    value: str = ""
    context: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"with {' '.join(self.context)}: {self.problem}" if self.context else self.problem

    def document(self) -> JsonObject:
        """Return the finding as a JSON object."""
        return {
            "parameter": self.parameter,
            "value": self.value,
            "with": list(self.context),
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The findings, with which no trial should be started, and the `notices`, with which one can.

    `types` has the type of each parameter in the app, or the types of its values: `null | str`. `tried` and `not_tried`
    count points of the search space. `base` are the arguments of the point at which the other parameters are while one
    is varied. `study_spec` is the study with what the app tells of it (None: as it was asked about), and `first_trial`
    a sentence about its first trial, or empty.
    """

    findings: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    tried: int = 0
    not_tried: int = 0
    base: tuple[str, ...] = ()
    study_spec: StudySpec | None = None
    first_trial: str = ""

    def require(self) -> None:
        """Raise UserError if there are findings: with the text of the only one, else with their number."""
        match self.findings:
            case ():
                return
            case (finding,):
                raise UserError(str(finding))
            case _:
                raise UserError(
                    f"the app does not accept the search space: {len(self.findings)} problems, listed above"
                )
