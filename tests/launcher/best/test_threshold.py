"""Whether the best trial's metric is good enough."""

from __future__ import annotations

import pytest

from hydra_vertex.job import Goal, MetricSpec
from hydra_vertex.launcher.best.threshold import missed_threshold, parse_threshold
from hydra_vertex.protocol.errors import DocumentError


@pytest.mark.parametrize(
    ("goal", "value", "threshold", "is_missed"),
    [
        (Goal.MINIMIZE, 0.5, 0.5, False),
        (Goal.MINIMIZE, 0.5, 0.6, False),
        (Goal.MINIMIZE, 0.5, 0.4, True),
        (Goal.MAXIMIZE, 0.5, 0.5, False),
        (Goal.MAXIMIZE, 0.5, 0.4, False),
        (Goal.MAXIMIZE, 0.5, 0.6, True),
        (Goal.UNSPECIFIED, 0.5, 0.6, True),
        (Goal.MINIMIZE, 0.5, None, False),
    ],
)
def test_a_value_that_is_worse_than_the_threshold_misses_it(
    goal: Goal, value: float, threshold: float | None, is_missed: bool
) -> None:
    assert bool(missed_threshold(value, threshold, MetricSpec("m", goal))) is is_missed


def test_the_sentence_has_the_value_and_what_is_required() -> None:
    sentence = missed_threshold(0.5, 0.4, MetricSpec("val/loss", Goal.MINIMIZE))
    assert sentence == "the best val/loss is 0.5, and at most 0.4 is required (metric_threshold)"


@pytest.mark.parametrize(("text", "value"), [("", None), (" ", None), ("0.5", 0.5), ("-1e3", -1000.0)])
def test_a_threshold_is_a_number_or_empty(text: str, value: float | None) -> None:
    assert parse_threshold(text) == value


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1,5"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="metric_threshold: expected a finite number"):
        parse_threshold(text)
