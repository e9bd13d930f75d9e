from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    JobError,
    JobState,
    Measurement,
    ParameterSpec,
    ScaleType,
    StudySpec,
    Trial,
    TrialState,
    dump_job,
    dump_study_spec,
    parse_job,
    parse_study_spec,
    save_job,
)
from hydra_vertex.job.fields import parse_integer, parse_number
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from launcher.jobs import START, make_job, make_trial

doubles = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(min_size=1, max_size=20)
integers = st.integers(-(2**63), 2**63 - 1)
domains = st.one_of(
    st.builds(DoubleRange, doubles, doubles, st.none() | doubles),
    st.builds(IntegerRange, integers, integers, st.none() | integers),
    st.builds(Categorical, st.lists(st.text(), min_size=1, max_size=4).map(tuple)),
    st.builds(Discrete, st.lists(doubles, min_size=1, max_size=4).map(tuple), st.none() | doubles),
)
scales = st.none() | st.sampled_from([ScaleType.LINEAR, ScaleType.LOG, ScaleType.REVERSE_LOG])
parameters = st.builds(ParameterSpec, names, domains, scales)
measurements = st.builds(Measurement, st.dictionaries(names, doubles, max_size=3), st.integers(0, 2**62))
trials = st.builds(
    Trial,
    id=st.integers(1, 10**6).map(str),
    state=st.sampled_from(TrialState),
    parameters=st.dictionaries(names, doubles | st.text(), max_size=4),
    measurements=st.lists(measurements, max_size=3).map(tuple),
    final_measurement=st.none() | measurements,
    infeasible_reason=st.text(),
    start_time=st.none() | st.just(START),
)


@given(parameters=st.lists(parameters, max_size=4), trials=st.lists(trials, max_size=3))
def test_a_job_is_unchanged_by_a_round_trip_through_json(parameters: list[ParameterSpec], trials: list[Trial]) -> None:
    job = make_job(trials)
    job = dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, parameters=tuple(parameters)))

    assert parse_job(json.loads(json.dumps(dump_job(job)))) == job


def test_conditional_parameters_of_every_kind_of_parent_are_unchanged_by_a_round_trip_through_json() -> None:
    child = ParameterSpec("child", DoubleRange(0.0, 1.0))
    parents = (
        ParameterSpec("c", Categorical(("a", "b")), None, (ConditionalParameter(("a",), child),)),
        ParameterSpec("i", IntegerRange(1, 3), ScaleType.LINEAR, (ConditionalParameter((1.0, 2.0), child),)),
        ParameterSpec("d", Discrete((0.5, 2.0)), ScaleType.LINEAR, (ConditionalParameter((0.5,), child),)),
    )
    spec = StudySpec(make_job().study_spec.metrics, parents)

    assert parse_study_spec(dump_study_spec(spec)) == spec


def test_the_json_can_be_read_and_written_by_googles_client() -> None:
    from google.cloud.aiplatform_v1.types import HyperparameterTuningJob as Message
    from google.protobuf import json_format

    job = dataclasses.replace(
        make_job([make_trial(1, 2.5), make_trial(2, None, TrialState.INFEASIBLE, "exited with code 1")]),
        name="projects/p/locations/l/hyperparameterTuningJobs/1",
        error=JobError(3, "no"),
        labels={"my_team": "x"},
    )
    message = Message()
    json_format.ParseDict(dict(dump_job(job)), Message.pb(message))

    assert parse_job(json_format.MessageToDict(Message.pb(message))) == job


def test_enums_are_read_by_number_as_the_rest_client_sends_them() -> None:
    document = {
        "metrics": [{"metricId": "m", "goal": 2}],
        "parameters": [{"parameterId": "x", "doubleValueSpec": {"minValue": 1, "maxValue": 2}, "scaleType": 2}],
        "algorithm": 3,
        "measurementSelectionType": 1,
    }
    spec = parse_study_spec(document)

    assert spec.objective.goal is Goal.MINIMIZE
    assert spec.parameters[0].scale is ScaleType.LOG
    assert dump_study_spec(spec)["algorithm"] == "RANDOM_SEARCH"


def test_the_numbers_of_the_enums_equal_googles() -> None:
    from google.cloud.aiplatform_v1 import types

    from hydra_vertex.job import Algorithm, MeasurementSelection

    pairs = {
        JobState: types.JobState,
        TrialState: types.Trial.State,
        Goal: types.StudySpec.MetricSpec.GoalType,
        ScaleType: types.StudySpec.ParameterSpec.ScaleType,
        MeasurementSelection: types.StudySpec.MeasurementSelectionType,
        Algorithm: types.StudySpec.Algorithm,
    }
    for members, google in pairs.items():
        numbered = {member.value: number for number, member in enumerate(members)}
        assert {member.name: member.value for member in google}.items() <= numbered.items()


@pytest.mark.parametrize("value", ["1e999999999", "-1e999999999", "1e-999999999", 2**63, str(-(2**63) - 1), 10**400])
def test_a_whole_number_of_more_than_64_bits_is_refused(value: int | str) -> None:
    with pytest.raises(DocumentError, match="x: expected a whole number"):
        parse_integer(value, "x")
    assert parse_integer(str(-(2**63)), "x") == -(2**63)


def test_an_int_that_is_too_large_for_a_double_is_refused() -> None:
    with pytest.raises(DocumentError, match="x: expected a finite number"):
        parse_number(10**400, "x")


def test_integers_that_no_double_can_represent_are_read_exactly() -> None:
    spec = parse_study_spec(
        {"parameters": [{"parameterId": "n", "integerValueSpec": {"minValue": "1", "maxValue": "9007199254740993"}}]}
    )

    assert spec.parameters[0].domain == IntegerRange(1, 9007199254740993)


def test_unknown_fields_are_kept() -> None:
    document = dump_job(make_job()) | {"encryptionSpec": {"kmsKeyName": "k"}}
    spec = dict(document["trialJobSpec"]) | {
        "serviceAccount": "a@b",
        "scheduling": {"timeout": "60s", "strategy": "SPOT"},
    }

    written = dump_job(parse_job({**document, "trialJobSpec": spec}))

    assert written["encryptionSpec"] == {"kmsKeyName": "k"}
    assert written["trialJobSpec"]["serviceAccount"] == "a@b"
    assert written["trialJobSpec"]["scheduling"] == {"timeout": "60s", "strategy": "SPOT"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"displayName": 3}, "displayName"),
        ({"maxTrialCount": "many"}, "maxTrialCount"),
        ({"maxTrialCount": 1.5}, "maxTrialCount"),
        ({"maxTrialCount": True}, "maxTrialCount"),
        ({"studySpec": []}, "studySpec"),
        ({"studySpec": {"metrics": [{"metricId": "m", "goal": "UP"}]}}, "studySpec.metrics[0].goal"),
        ({"studySpec": {"parameters": [{"parameterId": "x"}]}}, "studySpec.parameters[0]"),
        (
            {"studySpec": {"parameters": [{"doubleValueSpec": {"minValue": "NaN"}}]}},
            "studySpec.parameters[0].doubleValueSpec.minValue",
        ),
        ({"trialJobSpec": {"scheduling": {"timeout": 5}}}, "trialJobSpec.scheduling.timeout"),
        ({"trialJobSpec": {"workerPoolSpecs": {}}}, "trialJobSpec.workerPoolSpecs"),
        ({"trials": [{"startTime": "yesterday"}]}, "trials[0].startTime"),
        ({"trials": [{"parameters": [{"parameterId": "x", "value": [1]}]}]}, "trials[0].parameters[0].value"),
        ({"labels": 1}, "labels"),
    ],
)
def test_the_error_for_a_malformed_job_has_the_path_of_the_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_job({**dump_job(make_job()), **change})

    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_a_saved_job_file_is_loaded_unchanged(tmp_path: Path) -> None:
    job: HyperparameterTuningJob = make_job([make_trial(1, 2.5)])
    save_job(job, tmp_path / "deep" / "job.json")

    assert parse_job(json.loads((tmp_path / "deep" / "job.json").read_bytes())) == job
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["job.json"]
