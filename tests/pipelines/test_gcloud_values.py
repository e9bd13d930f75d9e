"""The values of gcloud's form; each expectation is what apitools, gcloud's decoder, does with the value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.pipelines.gcloud_values import as_gcloud_reads
from hydra_vertex.protocol.errors import SearchSpaceError

SEARCH = Path("search.yaml")


def read(document: dict[str, Any]) -> dict[str, Any]:
    return dict(as_gcloud_reads(document, SEARCH))


PARAMETER = {"parameterId": "lr", "doubleValueSpec": {"minValue": 0, "maxValue": 1}}


@pytest.mark.parametrize(
    ("written", "got"),
    [
        ({"maxTrialCount": "3"}, {"maxTrialCount": "3"}),
        ({"displayName": None, "labels": []}, {}),
        ({"labels": {"team": "vision"}}, {"labels": {"team": "vision"}}),
        ({"studySpec": {"parameters": PARAMETER}}, {"studySpec": {"parameters": [PARAMETER]}}),
        (
            {"studySpec": {"metrics": {"metricId": "a", "goal": 2}}},
            {"studySpec": {"metrics": [{"metricId": "a", "goal": "MINIMIZE"}]}},
        ),
        (
            {"study_spec": {"parameters": [{"parameter_id": "n", "discrete_value_spec": {"values": "0.5"}}]}},
            {"studySpec": {"parameters": [{"parameterId": "n", "discreteValueSpec": {"values": [0.5]}}]}},
        ),
        (
            {"trialJobSpec": {"workerPoolSpecs": {"containerSpec": {"args": "a=1", "env": {"name": "A"}}}}},
            {"trialJobSpec": {"workerPoolSpecs": [{"containerSpec": {"args": ["a=1"], "env": [{"name": "A"}]}}]}},
        ),
        ({"trialJobSpec": {"scheduling": {"timeout": "2s"}}}, {"trialJobSpec": {"scheduling": {"timeout": "2s"}}}),
        ({"maxTrailCount": 3}, {"maxTrailCount": 3}),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_is_read_as_gcloud_reads_it(written: dict[str, Any], got: dict[str, Any]) -> None:
    assert read(written) == got


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"displayName": 1}, "displayName: expected text; put it in quotes, got 1"),
        ({"displayName": ["a"]}, "displayName: expected text; put it in quotes, got ['a']"),
        ({"labels": {"a": 1}}, "labels.a: expected text; put it in quotes, got 1"),
        ({"maxTrialCount": [1]}, "maxTrialCount: expected a whole number, got [1]"),
        ({"studySpec": "x"}, "studySpec: expected a mapping, got 'x'"),
        ({"studySpec": [{"metrics": []}]}, "studySpec: expected a mapping"),
        ({"studySpec": {"metrics": [None]}}, "studySpec.metrics[0]: expected a mapping, got None"),
        ({"studySpec": {"algorithm": "random_search"}}, "is not one of its values; did you mean 'RANDOM_SEARCH'?"),
        ({"studySpec": {"algorithm": True}}, "studySpec.algorithm: True is not"),
        (
            {"studySpec": {"parameters": {"doubleValueSpec": {"minValue": "low"}}}},
            "studySpec.parameters[0].doubleValueSpec.minValue: expected a number, got 'low'",
        ),
        (
            {"studySpec": {"parameters": {"categoricalValueSpec": {"values": ["a", 1]}}}},
            "studySpec.parameters[0].categoricalValueSpec.values[1]: expected text; put it in quotes, got 1",
        ),
        (
            {"trialJobSpec": {"scheduling": {"timeout": 3600}}},
            "trialJobSpec.scheduling.timeout: expected a duration such as 3600s, got 3600",
        ),
        ({"trialJobSpec": {"enableWebAccess": "true"}}, "trialJobSpec.enableWebAccess: expected true or false"),
        ({"studySpec": {}, "study_spec": {}}, "studySpec: is given twice, in both spellings of its name"),
    ],
    ids=str,
)
def test_a_value_that_gcloud_refuses_is_refused_with_its_path(written: dict[str, Any], problem: str) -> None:
    with pytest.raises(SearchSpaceError) as refusal:
        read(written)

    assert str(refusal.value).startswith("search.yaml: ")
    assert problem in str(refusal.value)
