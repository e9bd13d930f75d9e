"""Summaries of records: the newest record and the highest step."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.trial.reporting.records import HypertuneRecord
from hydra_vertex.trial.reporting.summary import MetricSummary, summarise

RECORD = st.builds(HypertuneRecord, st.sampled_from(["loss", "acc", None]), st.just(1.0), st.integers(-5, 50))
RECORDS = st.lists(RECORD, max_size=20)


def test_a_summary_has_the_newest_record_and_the_highest_step() -> None:
    records = [HypertuneRecord("loss", 3.0, 9), HypertuneRecord(None, 0.0, 40), HypertuneRecord("loss", 2.0, 4)]
    summary = summarise(records)
    assert summary.metrics == {"loss": MetricSummary(records[-1], 9)}
    assert summary.highest_step == 40


def test_the_summary_of_no_records_is_empty() -> None:
    assert (summarise([]).metrics, summarise([]).highest_step) == ({}, None)


@given(RECORDS, RECORDS)
def test_the_summaries_of_two_parts_add_up_to_that_of_the_whole(
    older: list[HypertuneRecord], newer: list[HypertuneRecord]
) -> None:
    summary = summarise(older)
    summary.add(summarise(newer))
    assert summary == summarise([*older, *newer])


@given(RECORDS, RECORDS)
def test_adding_the_same_records_again_changes_nothing(
    older: list[HypertuneRecord], newer: list[HypertuneRecord]
) -> None:
    summary = summarise(older)
    summary.add(summarise(newer))
    once = copy.deepcopy(summary)
    summary.add(summarise(newer))
    assert summary == once
