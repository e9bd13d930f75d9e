"""Checks that a plan which passes the local checks is not refused by a service afterwards."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hydra_vertex.launcher.preflight.points import probe_values
from hydra_vertex.pipelines.plan import TuningPlan, make_plan
from hydra_vertex.pipelines.refusals import require_acceptable
from hydra_vertex.protocol.errors import CommandError, SearchSpaceError

APP = ("python", "app.py")
SWEEPER = "hydra: {sweeper: {direction: minimize, params: {%s}}}"
GCLOUD = """
studySpec:
  metrics: [{metricId: loss, goal: MINIMIZE}]
  parameters:
  - {parameterId: depth, integerValueSpec: {minValue: 1, maxValue: 8}}
  - %s
  %s
"""


def plan_of(folder: Path, text: str, *, here: bool = True, **asked: object) -> TuningPlan:
    file = folder / "search.yaml"
    file.write_text(text)
    plan = make_plan(file, APP, **asked)  # type: ignore[arg-type] # options differ by test
    require_acceptable(plan, file, here=here)
    return plan


def parameter(domain: str, more: str = "") -> str:
    return GCLOUD % (f"{{parameterId: lr, {domain}}}", more)


DOUBLE = "doubleValueSpec: {minValue: 0, maxValue: 1}"
REFUSED = {
    "ends the wrong way round": (
        parameter("doubleValueSpec: {minValue: 2, maxValue: 1}"),
        "lr: studySpec.parameters[1]",
    ),
    "a log scale from 0": (
        parameter(f"scaleType: UNIT_LOG_SCALE, {DOUBLE}"),
        "UNIT_LOG_SCALE needs values above",
    ),
    "no values": (parameter("categoricalValueSpec: {values: []}"), "values: expected at least one value"),
    "a value twice": (parameter("discreteValueSpec: {values: [1, 1]}"), "1.0 is given more than once"),
    "descending": (parameter("discreteValueSpec: {values: [2, 1]}"), "expected ascending order"),
    "too near": (SWEEPER % "'x': '0.1,0.10000000000000002'", "x: studySpec.parameters[0]"),
    "a default outside": (
        parameter("doubleValueSpec: {minValue: 0, maxValue: 1, defaultValue: 2}"),
        "not one of its values",
    ),
    "a parameter twice": (parameter(DOUBLE).replace("depth", "lr"), "parameterId 'lr' is given more than once"),
    "an unknown field": (parameter(DOUBLE, "turbo: true"), "studySpec.turbo: is not a field of the API"),
    "an unknown label": (parameter(DOUBLE) + "labels: {Team: A}", "labels.Team: a key is"),
    "a long name": (parameter(DOUBLE) + f"displayName: {'n' * 129}", "displayName: expected 1 to 128 characters"),
    "no time for a trial": (
        parameter(DOUBLE) + "trialJobSpec: {scheduling: {timeout: 0s}}",
        "timeout: expected more than",
    ),
    "an endless time": (
        parameter(DOUBLE, f"studyStoppingConfig: {{maxDurationNoProgress: {'9' * 400}s}}"),
        "maxDurationNoProgress: expected a duration such as '3.5s', got '999",
    ),
    "an endless limit": (
        parameter(DOUBLE, f"studyStoppingConfig: {{maximumRuntimeConstraint: {{maxDuration: {'9' * 20}s}}}}"),
        "maximumRuntimeConstraint.maxDuration: expected a duration such as '3.5s', got '999",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_service_would_refuse_is_one_line_that_names_the_file(tmp_path: Path, case: str) -> None:
    text, says = REFUSED[case]

    with pytest.raises(SearchSpaceError) as caught:
        plan_of(tmp_path, text)

    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'search.yaml'}: ")
    assert "\n" not in str(caught.value)


def test_several_worker_pools_are_for_a_local_run_too(tmp_path: Path) -> None:
    pools = "trialJobSpec: {workerPoolSpecs: [%s, %s]}" % (
        ("{machineSpec: {machineType: n1-standard-4}, containerSpec: {imageUri: i}}",) * 2
    )

    for here in (True, False):
        assert len(plan_of(tmp_path, parameter(DOUBLE) + pools, here=here).trial_job_spec.worker_pools) == 2


def test_the_flags_override_the_job_fields_of_the_file(tmp_path: Path) -> None:
    text = parameter(DOUBLE) + "displayName: theirs\nmaxFailedTrialCount: 3\nlabels: {team: a}"

    plain = plan_of(tmp_path, text)
    asked = plan_of(tmp_path, text, name="mine", max_failed_trials=0)

    assert (plain.display_name, plain.max_failed_trial_count, plain.labels) == ("theirs", 3, {"team": "a"})
    assert (asked.display_name, asked.max_failed_trial_count) == ("mine", 0)


@pytest.mark.parametrize("argument", ["a\0b", "caf\udce9", "x" * 140_000])
def test_an_argument_of_the_app_that_no_command_line_can_hold_is_refused(tmp_path: Path, argument: str) -> None:
    with pytest.raises(CommandError, match="the app's command: "):
        make_plan(tmp_path / "search.yaml", (*APP, argument))


_EDGES = "0.5 1e-5 -0.0 1e308 1e309 -1e308 inf -inf nan 5e-324 1e12 9007199254740993 9223372036854775808 1_0"
_NUMBERS = st.sampled_from(tuple(_EDGES.split())) | st.integers(-20, 20).map(str)
_WORDS = _NUMBERS | st.sampled_from(["a", "'a b'", "true", "null", "''", "[1,2]", "{a:1}", "${b}", r"'\''", "007"])
_SWEEPS = st.one_of(
    st.builds("interval({}, {})".format, _NUMBERS, _NUMBERS),
    st.builds("range({}, {})".format, _NUMBERS, _NUMBERS),
    st.builds("range({}, {}, {})".format, _NUMBERS, _NUMBERS, _NUMBERS),
    st.lists(_WORDS, max_size=4).map(lambda words: f"choice({', '.join(words)})"),
    st.lists(_WORDS, min_size=1, max_size=4).map(", ".join),
)
_FORMS = st.sampled_from(
    [
        *("{}", "int({})", "float({})", "str({})", "bool({})", "sort({})", "shuffle({})", "choice({})", "({})", "[{}]"),
        *("tag(log, {})", "tag(reverse_log, {})", "tag(log, int({}))", "tag(x, {})", "tag(log, linear, {})"),
    ]
)
_TEXTS = st.builds(str.format, _FORMS, _SWEEPS) | st.text("01e-.,()[]{}'\"\\ intervalchoicerange", max_size=30)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_TEXTS)
def test_a_parameter_is_accepted_or_refused_by_name_and_never_refused_later(tmp_path: Path, text: str) -> None:
    document = {"hydra": {"sweeper": {"direction": "minimize", "params": {"k": text, "lr": "interval(0, 1)"}}}}
    try:
        plan = plan_of(tmp_path, json.dumps(document))
    except SearchSpaceError as error:
        message = str(error)
        assert message.startswith(f"{tmp_path / 'search.yaml'}: k: ")
        assert "\n" not in message
        assert len(message) < 1200
        return
    # The forms in which kfp and a trial receive the values.
    json.dumps(plan.pipeline_arguments(project="p", location="l"), allow_nan=False)
    values = [value for spec in plan.study_spec.parameters for value in probe_values(spec)]
    assert all(math.isfinite(value) for value in values if not isinstance(value, str))
