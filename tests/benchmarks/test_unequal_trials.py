"""benchmarks/unequal_trials.py: the ideal makespans, and the study that is measured."""

from __future__ import annotations

import pytest

from tuning.unequal import ideal_s, lengths
from unequal_trials import PARALLEL, TRIALS, batches_s, measure_service, table


def test_the_ideal_makespan_is_at_least_the_mean_load_and_batches_take_longer() -> None:
    durations = lengths(TRIALS, 10.0)

    assert sum(durations) == pytest.approx(10.0 * TRIALS, rel=1e-3)
    assert sum(durations) / PARALLEL <= ideal_s(durations, PARALLEL) < batches_s(durations)


def test_the_service_runs_the_study_that_is_measured() -> None:
    durations = lengths(TRIALS, 0.05)
    measured = measure_service(durations)

    assert ideal_s(durations, PARALLEL) <= measured.trials_s <= measured.command_s
    assert "| hydra-vertex |" in table([measured], durations)
