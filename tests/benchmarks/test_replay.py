"""benchmarks/replay.py: with a search that learns nothing, the replay is the simulated study itself."""

from __future__ import annotations

import pytest

import replay
from stopping.recorded import load


def test_the_replay_of_a_random_search_costs_what_the_simulated_study_with_the_rule_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "HALVES", 2)
    found = list(replay.forecasts(load("gpt"), "random", [0]))

    assert [one.rule for one in found] == list(replay.RULES)
    for one in found:
        assert one.forecast.saved == pytest.approx(one.same.saved, abs=1e-5)
        assert one.forecast.wall_s == pytest.approx(one.same.wall_s, abs=1e-3)
        assert one.other.saved != one.same.saved
    assert len(replay.table(found).splitlines()) == 4
