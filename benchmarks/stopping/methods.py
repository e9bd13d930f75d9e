"""The stopping rules that are compared, and how each reports a stopped trial to the optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import optuna

from hydra_vertex.job import AutomatedStopping, ConvexStopping, DecayCurveStopping, MedianStopping

Pruner = Callable[[int], optuna.pruners.BasePruner]
"""Creates a pruner; the argument is the number of measurements of the longest curve."""


@dataclass(frozen=True)
class Method:
    """A rule of the service, a pruner of Optuna, or neither.

    `reported_as`: how the optimiser learns of a stopped trial: `last`, with its last value; `expected`, with its
    expected final value (the service's optimiser only); `pruned`, as a pruned trial of Optuna. The last value of the
    convex rule is its own prediction. `trials_share`: the number of trials as a share of the usual number; the steps
    are relative to those of the usual number. `knows_ends`: a perfect rule as a bound. It knows every final value,
    stops at the second measurement each trial that will not end as the best, and reports its final value.
    """

    name: str
    rule: AutomatedStopping | None = None
    pruner: Pruner | None = None
    reported_as: str = "last"
    trials_share: float = 1.0
    knows_ends: bool = False

    def suits(self, optimiser: str) -> bool:
        """Whether the method works with the optimiser.

        Optuna's pruners need Optuna's studies, and only the service's optimiser learns from expected final values.
        """
        is_service = optimiser == "hydra-vertex"
        return self.pruner is None and self.reported_as != "pruned" if is_service else self.reported_as != "expected"


def _asha(_length: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.SuccessiveHalvingPruner()


def _median(_length: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.MedianPruner()


METHODS = (
    Method("no stopping"),
    Method("no stopping, half of the trials", trials_share=0.5),
    Method("perfect foresight", knows_ends=True),
    Method("median", MedianStopping(), reported_as="expected"),
    Method("decay curve", DecayCurveStopping(), reported_as="expected"),
    Method("decay curve, an eighth more trials", DecayCurveStopping(), reported_as="expected", trials_share=1.125),
    Method("convex", ConvexStopping()),
    Method("median, reported with its last value", MedianStopping()),
    Method("decay curve, reported with its last value", DecayCurveStopping()),
    Method("decay curve, reported as pruned", DecayCurveStopping(), reported_as="pruned"),
    Method("Optuna MedianPruner", pruner=_median, reported_as="pruned"),
    Method(
        "Optuna PercentilePruner(25)",
        pruner=lambda _length: optuna.pruners.PercentilePruner(25.0),
        reported_as="pruned",
    ),
    Method("Optuna SuccessiveHalving (ASHA)", pruner=_asha, reported_as="pruned"),
    Method(
        "Optuna Hyperband",
        pruner=lambda length: optuna.pruners.HyperbandPruner(max_resource=length),
        reported_as="pruned",
    ),
    Method("Optuna MedianPruner, reported with its last value", pruner=_median),
    Method("Optuna SuccessiveHalving (ASHA), reported with its last value", pruner=_asha),
)
