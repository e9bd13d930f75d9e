"""The options of `run` and `tune` that the sweeper plugin of Hydra gives: `--help` does not show them."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.environment import SWEEP_DIR

if TYPE_CHECKING:
    from hydra_vertex.job import WorkerPoolSpec
    from hydra_vertex.pipelines.plan import TuningPlan


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the sweep, and the command that continues it."""
    parser.add_argument("--sweep-dir", type=Path, help=argparse.SUPPRESS)
    add_again_option(parser)


def add_again_option(parser: argparse.ArgumentParser) -> None:
    """Add the command that continues the sweep, for messages."""
    parser.add_argument("--again", default="", help=argparse.SUPPRESS)


def with_sweep_dir(plan: TuningPlan, sweep_dir: Path | None) -> TuningPlan:
    """Return the plan whose trials have their output folders in a sweep's folder; None leaves them in the study's."""
    from hydra_vertex.launcher.preflight.job_builder import LOCAL_POOL

    if sweep_dir is None:
        return plan
    pools = plan.trial_job_spec.worker_pools or (LOCAL_POOL,)
    spec = dataclasses.replace(plan.trial_job_spec, worker_pools=tuple(_told(pool, sweep_dir) for pool in pools))
    return dataclasses.replace(plan, trial_job_spec=spec)


def _told(pool: WorkerPoolSpec, sweep_dir: Path) -> WorkerPoolSpec:
    if pool.container is None:
        return pool
    env = {**pool.container.env, SWEEP_DIR: str(sweep_dir)}
    return dataclasses.replace(pool, container=dataclasses.replace(pool.container, env=env))
