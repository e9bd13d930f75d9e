"""Composes the config of a delivery at the cost of its values, where Hydra would compose the whole config again."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from hydra_vertex.trial.config.composition import AppConfig

from .arguments import Argument, Override, Parameter
from .delivery import Delivery


def composed(app: AppConfig, arguments: Sequence[Argument], delivery: Delivery) -> DictConfig:
    """Return the composed config of delivered arguments. Raises ArgumentError when Hydra refuses it.

    Values are applied to the config with the same group choices, which is composed once. That is what Hydra does too,
    as long as the app's own overrides precede the parameters.
    """
    groups = (*app.given, *delivery.choices)
    if not _is_given_first(arguments):
        return app.compose(delivery.overrides)
    others = list(delivery.overrides)
    for override in groups:
        if override not in others:
            return app.compose(delivery.overrides)
        others.remove(override)
    return app.compose_with(groups, others)


def _is_given_first(arguments: Sequence[Argument]) -> bool:
    kinds = [isinstance(argument, Parameter) for argument in arguments if isinstance(argument, (Override, Parameter))]
    return kinds == sorted(kinds)
