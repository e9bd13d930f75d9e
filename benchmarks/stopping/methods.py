"""The rules that are compared, and how each tells the optimiser of a trial that it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import optuna

from hydra_vertex.job import AutomatedStopping, ConvexStopping, DecayCurveStopping, MedianStopping

Pruner = Callable[[int], optuna.pruners.BasePruner]
"""By the number of measurements of the longest curve."""


@dataclass(frozen=True)
class Method:
    """A rule of ours, or a pruner of Optuna's, or neither.

    `told`: what the optimiser learns of a stopped trial, by `last` its last value, `expected` (ours) what it would have
    come to, `pruned` what Optuna makes of a pruned trial. The convex rule's last value is its own prediction.
    `trials_share`: how many trials it gives, as a part of the usual number; its steps are compared with the usual
    number's. `knows_ends`: no rule, but what a perfect one would do, which foresees every end, stops what will not end
    as the best at its second measurement, and tells the end.
    """

    name: str
    rule: AutomatedStopping | None = None
    pruner: Pruner | None = None
    told: str = "last"
    trials_share: float = 1.0
    knows_ends: bool = False

    def suits(self, optimiser: str) -> bool:
        """Optuna's pruners need its studies, and only our optimiser learns from expected ends."""
        is_ours = optimiser == "hydra-vertex"
        return self.pruner is None and self.told != "pruned" if is_ours else self.told != "expected"


def _asha(_length: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.SuccessiveHalvingPruner()


def _median(_length: int) -> optuna.pruners.BasePruner:
    return optuna.pruners.MedianPruner()


METHODS = (
    Method("no stopping"),
    Method("no stopping, half of the trials", trials_share=0.5),
    Method("perfect foresight", knows_ends=True),
    Method("median", MedianStopping(), told="expected"),
    Method("decay curve", DecayCurveStopping(), told="expected"),
    Method("decay curve, an eighth more trials", DecayCurveStopping(), told="expected", trials_share=1.125),
    Method("convex", ConvexStopping()),
    Method("median, told its last value", MedianStopping()),
    Method("decay curve, told its last value", DecayCurveStopping()),
    Method("decay curve, told as pruned", DecayCurveStopping(), told="pruned"),
    Method("Optuna MedianPruner", pruner=_median, told="pruned"),
    Method("Optuna PercentilePruner(25)", pruner=lambda _length: optuna.pruners.PercentilePruner(25.0), told="pruned"),
    Method("Optuna SuccessiveHalving (ASHA)", pruner=_asha, told="pruned"),
    Method(
        "Optuna Hyperband",
        pruner=lambda length: optuna.pruners.HyperbandPruner(max_resource=length),
        told="pruned",
    ),
    Method("Optuna MedianPruner, told its last value", pruner=_median),
    Method("Optuna SuccessiveHalving (ASHA), told its last value", pruner=_asha),
)
