"""An optimiser that is built on its first suggestion, because its imports are slow.

Suggestions are made in a thread; the optimiser itself is made in the event loop, which must not wait for imports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hydra_vertex.job import Trial

from .protocol import Optimizer, Parameters


class LazyOptimizer:
    """Builds an optimiser on the first suggestion and delegates to it."""

    def __init__(self, build: Callable[[], Optimizer]) -> None:
        self._build = build
        self._built: Optimizer | None = None

    def suggest(self, number: int, history: Sequence[Trial]) -> Parameters:
        """Return the suggestion of the optimiser that was built."""
        if self._built is None:
            self._built = self._build()
        return self._built.suggest(number, history)
