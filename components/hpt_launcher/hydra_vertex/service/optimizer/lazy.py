"""Puts off what is slow to import until the first suggestion, which is made outside of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hydra_vertex.job import Trial

from .protocol import Optimizer, Parameters


class Deferred:
    """An optimiser that is built when it is first asked."""

    def __init__(self, build: Callable[[], Optimizer]) -> None:
        self._build = build
        self._built: Optimizer | None = None

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """What the optimiser suggests."""
        if self._built is None:
            self._built = self._build()
        return self._built.suggest(number, history)
