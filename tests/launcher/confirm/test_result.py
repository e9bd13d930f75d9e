"""What the repeats show: the selected configuration, and when the ranking is settled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from hydra_vertex.job import Goal, JobState
from hydra_vertex.launcher.confirm.choice import choice_of
from hydra_vertex.launcher.confirm.result import confirmation_of
from hydra_vertex.launcher.confirm.text import document, rows, sentences
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, StudyError
from launcher.confirm.repeats import make_repeats, make_study
from launcher.jobs import make_job

Values = dict[str, Sequence[float | None]]
CLOSE: Values = {"1": [0.5, 0.1, 0.3], "2": [0.4, 0.2, 0.29]}
CLEAR: Values = {"1": [0.9, 0.8, 0.7], "2": [0.21, 0.1, 0.0]}


@pytest.mark.parametrize(
    ("goal", "values", "selected", "is_settled"),
    [
        (Goal.MINIMIZE, CLOSE, "2", False),
        (Goal.MINIMIZE, CLEAR, "2", True),
        (Goal.MAXIMIZE, CLEAR, "1", True),
        (Goal.UNSPECIFIED, CLEAR, "1", True),
        (Goal.MINIMIZE, {"1": [0.3, 0.1], "2": [0.1, 0.3]}, "1", False),
    ],
)
def test_the_best_mean_is_selected_and_the_ranking_is_settled_beyond_the_noise(
    goal: Goal, values: Values, selected: str, is_settled: bool
) -> None:
    study = make_study([0.1, 0.2] if goal is Goal.MINIMIZE else [0.2, 0.1], goal)

    found = confirmation_of(study, make_repeats(study, values))

    assert found.selected is not None
    assert (found.selected.trial.id, found.is_settled) == (selected, is_settled)
    choice = choice_of(study, found)
    assert choice.trial.id == selected
    assert choice.value == pytest.approx(sum(v or 0 for v in values[selected]) / len(values[selected]))


def test_the_study_s_own_value_is_not_part_of_the_mean() -> None:
    study = make_study([0.0, 0.2])

    found = confirmation_of(study, make_repeats(study, {"1": [0.5, 0.7], "2": [0.8, 0.9]}))

    assert found.selected is not None
    assert (found.selected.tuned, found.selected.mean) == (0.0, 0.6)
    assert "The study measured 0 for it; the mean of the repeats is 0.6 higher" in list(sentences(found))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"1": [0.1, 0.1, 0.1], "2": [0.2, 0.2, 0.2]}, "the seed (seed) has no effect"),
        ({"1": [0.1, 0.11, None], "2": [0.9, 0.8, 0.91]}, "trial 1 has 2 of 3 repeats with a value"),
        ({"1": [0.1, 0.11, 0.1], "2": [None, None, None]}, "trial 2 has 0 of 3 repeats with a value"),
        ({"1": [0.1, 0.11, math.nan], "2": [0.9, 0.8, 0.91]}, "trial 1 has 2 of 3 repeats with a value"),
        (CLOSE, "the difference from trial 1 is within the noise (p = "),
    ],
)
def test_the_reason_for_an_unsettled_ranking_is_said(values: Values, reason: str) -> None:
    study = make_study([0.1, 0.2])

    found = confirmation_of(study, make_repeats(study, values))

    assert not found.is_settled
    assert reason in (found.unsettled or "")
    assert list(sentences(found))[-1] == f"The ranking is not settled: {found.unsettled}"


def test_a_configuration_with_one_measured_repeat_cannot_be_selected() -> None:
    study = make_study([0.1, 0.2])

    found = confirmation_of(study, make_repeats(study, {"1": [0.0, None, None], "2": [0.5, 0.6, None]}))

    assert [item.trial.id for item in found.configurations] == ["2", "1"]
    assert [item.failed for item in found.configurations] == [1, 2]
    assert "Repeats that failed: 1 of trial 2, 2 of trial 1" in list(sentences(found))


def test_nothing_is_selected_from_repeats_that_failed() -> None:
    study = make_study([0.1, 0.2])
    found = confirmation_of(study, make_repeats(study, {"1": [None, None], "2": [0.1, None]}))

    with pytest.raises(StudyError, match=r"trial 1: 0 measured, 2 failed; trial 2: 1 measured, 1 failed"):
        choice_of(study, found)


def test_the_study_s_own_best_is_taken_when_a_limit_of_the_user_stopped_the_repeats() -> None:
    study = make_study([0.2, 0.1])
    job = make_repeats(
        study, {"2": [0.3], "1": []}, JobState.CANCELLED, stopping_reason="the limit of 1 EUR is reached"
    )

    choice = choice_of(study, confirmation_of(study, job))

    assert (choice.trial.id, choice.value) == ("2", 0.1)
    assert choice.remarks == ("Not confirmed: the limit of 1 EUR is reached",)


def test_one_configuration_has_an_interval_and_no_ranking() -> None:
    study = make_study([0.1, 0.2])

    found = confirmation_of(study, make_repeats(study, {"1": [0.1, 0.3]}))

    assert found.unsettled is None
    texts = list(sentences(found))
    assert len(texts) == 2
    assert "trial 1 has the mean val/loss, 0.2, 95% interval -1.07062 to 1.47062" in texts[0]


def test_the_result_is_a_table_and_json() -> None:
    study = make_study([0.1, 0.2])
    found = confirmation_of(study, make_repeats(study, {"1": [0.1, None, 0.2], "2": [None, None, None]}))

    assert rows(found) == [
        ("1", "0.15", "-0.48531 to 0.78531", "2, 1 failed", "0.1"),
        ("2", "", "", "0, 3 failed", "0.2"),
    ]
    written: Any = json.loads(json.dumps(document(found)))
    assert written["selectedTrial"] == "1"
    assert written["settled"] is False
    assert written["configurations"][0]["values"] == {"1000": 0.1, "1002": 0.2}


def test_a_job_that_is_not_of_this_study_is_refused() -> None:
    study = make_study([0.1, 0.2])

    with pytest.raises(DocumentError, match="is not a job that confirms a study"):
        confirmation_of(study, make_job())
    with pytest.raises(DocumentError, match="repeats trial 1, which the study does not have"):
        confirmation_of(make_job(), make_repeats(study, {"1": [0.1, 0.2]}))
