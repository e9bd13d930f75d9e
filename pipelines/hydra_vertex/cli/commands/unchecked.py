"""Names the options that `--no-check` leaves unchecked, although only the last steps of a pipeline use them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import say

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan


def say_unchecked(plan: TuningPlan) -> None:
    """Print one line with the options that would fail only after the study; nothing without such options."""
    if options := list(_late_options(plan)):
        say(
            f"--no-check: the app was not asked about {' and '.join(options)}; a wrong key or value fails after the "
            "study. To check it, run `hydra-vertex check` with the same options where the app is"
        )


def _late_options(plan: TuningPlan) -> Iterator[str]:
    if plan.retrain_overrides:
        yield f"--retrain {shlex.join(plan.retrain_overrides)}"
    if plan.model.warm_start_key:
        yield f"--warm-start {plan.model.warm_start_key}"
    if plan.confirm is not None:
        yield f"--seed-key {plan.confirm.seed_key}"
