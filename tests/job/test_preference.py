from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import Goal, HyperparameterTuningJob, MetricSpec, StudySpec, TrialJobSpec
from hydra_vertex.job.preference import PREFER_LABEL, prefer_labels, preferred_objective, with_preference
from hydra_vertex.protocol.errors import DocumentError


def spec_of(*names: str) -> StudySpec:
    return StudySpec(tuple(MetricSpec(name, Goal.MINIMIZE) for name in names), ())


def job_of(spec: StudySpec, **labels: str) -> HyperparameterTuningJob:
    return HyperparameterTuningJob("s", spec, TrialJobSpec(worker_pools=()), 1, 1, labels=labels)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=5, unique=True), st.data())
def test_the_label_of_an_objective_names_it_whatever_its_characters(names: list[str], data: st.DataObject) -> None:
    prefer = data.draw(st.sampled_from(names))
    spec = spec_of(*names)

    assert preferred_objective(job_of(spec, **prefer_labels(spec, prefer))) == prefer


@pytest.mark.parametrize("text", ["", "0", "3", "-1", "1.0", "٢", "x", "9" * 60])
def test_a_label_that_is_no_number_of_an_objective_prefers_none(text: str) -> None:
    job = dataclasses.replace(job_of(spec_of("loss", "size")), labels={PREFER_LABEL: text})

    assert preferred_objective(job) == ""


def test_a_study_of_one_objective_prefers_none() -> None:
    assert preferred_objective(dataclasses.replace(job_of(spec_of("loss")), labels={PREFER_LABEL: "1"})) == ""


@pytest.mark.parametrize(
    ("names", "prefer", "says"),
    [
        (("loss", "size"), "siz", "prefer: 'siz': the study has no such objective; did you mean 'size'?"),
        (("loss",), "loss", "prefer: 'loss': the study has one objective, loss; leave it out"),
    ],
)
def test_an_objective_that_cannot_be_preferred_is_refused(names: tuple[str, ...], prefer: str, says: str) -> None:
    with pytest.raises(DocumentError, match="^" + says.replace("?", r"\?")):
        prefer_labels(spec_of(*names), prefer)


@pytest.mark.parametrize(("prefer", "label"), [("size", "2"), ("", None), ("absent", None)])
def test_a_job_gets_the_preference_in_place_of_its_own(prefer: str, label: str | None) -> None:
    job = dataclasses.replace(job_of(spec_of("loss", "size")), labels={PREFER_LABEL: "1", "team": "a"})

    found = with_preference(job, prefer).labels

    assert found.get(PREFER_LABEL) == label
    assert found["team"] == "a"
