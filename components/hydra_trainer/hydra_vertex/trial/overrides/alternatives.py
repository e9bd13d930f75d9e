"""Composes every option of a config group that `--explain` was given more than once.

Of several choices of a group the last one counts, but each trial gets only one: a key that only the last option has is
missing in the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.explanation import ArgumentKind
from hydra_vertex.trial.config.composition import AppConfig

from .arguments import Argument, Parameter
from .delivery import Delivery, deliver


def check_alternatives(app: AppConfig, arguments: Sequence[Argument], delivery: Delivery) -> None:
    """Deliver the arguments with each superseded choice of a group in place of the last one, and compose the config.

    Raises ArgumentError, which names the choice.
    """
    for choice, alternative in _alternatives(arguments, delivery):
        try:
            app.compose(deliver(app, alternative).overrides)
        except ArgumentError as error:
            raise ArgumentError(f"with {choice}: {error}") from error


def _alternatives(arguments: Sequence[Argument], delivery: Delivery) -> Iterator[tuple[str, tuple[Argument, ...]]]:
    """Yield the superseded choices, and the arguments with no other choice of the same group."""
    choices: dict[str, list[str]] = {}
    for argument in delivery.arguments:
        if argument.kind is ArgumentKind.GROUP:
            choices.setdefault(argument.key, []).append(argument.argument)
    for texts in choices.values():
        for text in dict.fromkeys(texts[:-1]):
            left_out = set(texts) - {text}
            yield (
                text,
                tuple(a for a in arguments if not (isinstance(a, Parameter) and a.argument in left_out)),
            )
