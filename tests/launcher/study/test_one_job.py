"""The label by which a run finds its job."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.launcher.study.one_job import run_label

URI = "gs://bucket/pipelines/123/tune-and-retrain-20260131120000/tune_-4567/job"


@given(st.text(max_size=200))
def test_any_text_becomes_the_value_of_a_label(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{0,63}", run_label(text))


def test_the_label_ends_with_the_pipeline_job_and_the_task() -> None:
    assert run_label(URI).endswith("tune-and-retrain-20260131120000-tune_-4567-job")


@pytest.mark.parametrize("other", [URI.replace("123", "124"), URI.upper(), URI.replace("/", "-"), f"{URI}/"])
def test_different_addresses_have_different_labels(other: str) -> None:
    assert run_label(other) != run_label(URI)
