"""Round trips of the stopping rules through JSON and through Google's classes."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_vertex.job import (
    ConvexStopping,
    DecayCurveStopping,
    MedianStopping,
    StudySpec,
    StudyStopping,
    TimeConstraint,
    dump_study_spec,
    parse_study_spec,
)
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import JsonObject
from launcher.jobs import SPEC, START

counts = st.integers(0, 2**31 - 1)
durations = st.integers(0, 10**6).map(lambda ms: ms / 1000)
rules = st.one_of(
    st.builds(MedianStopping, st.booleans()),
    st.builds(DecayCurveStopping, st.booleans()),
    st.builds(ConvexStopping, counts, counts, counts, st.text(), st.booleans(), st.none() | st.booleans()),
)
constraints = st.one_of(
    st.builds(TimeConstraint, durations, st.none()),
    st.builds(TimeConstraint, st.none(), durations.map(lambda seconds: START + timedelta(seconds=seconds))),
)
configs = st.builds(
    StudyStopping,
    st.none() | st.booleans(),
    st.none() | constraints,
    st.none() | constraints,
    st.none() | counts,
    st.none() | counts,
    st.none() | counts,
    st.none() | durations,
)


def spec_with(rule: object, config: object) -> StudySpec:
    return dataclasses.replace(SPEC, automated_stopping=rule, study_stopping=config)


@given(rule=st.none() | rules, config=st.none() | configs)
def test_the_rules_are_unchanged_by_a_round_trip_through_json(rule: object, config: object) -> None:
    spec = spec_with(rule, config)

    assert parse_study_spec(json.loads(json.dumps(dump_study_spec(spec)))) == spec


@settings(deadline=None)  # the first example imports Google's classes
@given(rule=st.none() | rules, config=st.none() | configs)
def test_the_json_can_be_read_and_written_by_googles_classes(rule: object, config: object) -> None:
    from google.cloud.aiplatform_v1.types import StudySpec as Message
    from google.protobuf import json_format

    spec = spec_with(rule, config)
    message = Message()
    json_format.ParseDict(dict(dump_study_spec(spec)), Message.pb(message))

    assert parse_study_spec(json_format.MessageToDict(Message.pb(message))) == spec


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            {"medianAutomatedStoppingSpec": {}, "decayCurveStoppingSpec": {}},
            "studySpec.decayCurveStoppingSpec: is set together with medianAutomatedStoppingSpec; a study has at most",
        ),
        (
            {"decayCurveStoppingSpec": {"useElapsedDuration": "yes"}},
            "studySpec.decayCurveStoppingSpec.useElapsedDuration: expected true or false, got 'yes'",
        ),
        (
            {"studyStoppingConfig": {"maximumRuntimeConstraint": {}}},
            "studySpec.studyStoppingConfig.maximumRuntimeConstraint: expected exactly one of maxDuration, endTime",
        ),
        (
            {"studyStoppingConfig": {"maxNumTrials": "many"}},
            "studySpec.studyStoppingConfig.maxNumTrials: expected a whole number, got 'many'",
        ),
        ({"studyStoppingConfig": []}, "studySpec.studyStoppingConfig: expected an object, got an array of 0 items"),
    ],
)
def test_the_error_for_a_malformed_rule_has_the_path_of_the_field(field: JsonObject, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_study_spec({**dump_study_spec(SPEC), **field})

    assert str(caught.value).startswith(message)


def test_unknown_fields_are_kept() -> None:
    document = {
        **dump_study_spec(SPEC),
        "medianAutomatedStoppingSpec": {"novel": 1},
        "studyStoppingConfig": {"more": 2},
    }

    assert dump_study_spec(parse_study_spec(document)) == document
