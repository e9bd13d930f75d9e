"""The sweeper that Hydra finds: it hands the composed config and the overrides to `hydra_vertex.cli.sweeper`."""

from __future__ import annotations

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class VertexSweeper(Sweeper):
    """Runs the sweep as one study: trials are processes of the same app, started by the embedded tuning service."""

    def __init__(self, **_: Any) -> None:
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep the config. No launcher is made, because the tuning service starts the trials."""
        del task_function
        self.hydra_context = hydra_context
        self.config = config

    def sweep(self, arguments: list[str]) -> None:
        """Run the study. Raises SystemExit with the exit code of `hydra-vertex run` when it does not succeed."""
        from hydra_vertex.cli.sweeper.sweep import sweep

        assert self.config is not None  # noqa: S101 - Hydra calls `setup` first
        sweep(self.config, arguments)
