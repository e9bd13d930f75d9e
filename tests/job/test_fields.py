"""Numbers, durations and times of the proto3 JSON mapping, at their limits and beyond."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job.fields import parse_duration_s, parse_integer, parse_number, parse_time
from hydra_vertex.job.study_spec import DEPTH_LIMIT, parse_parameter
from hydra_vertex.job.trial import parse_trial
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

Parse = Callable[[Json, str], object]


@pytest.mark.parametrize(
    ("parse", "value", "found"),
    [
        (parse_integer, 3, 3),
        (parse_integer, 3.0, 3),
        (parse_integer, "3e2", 300),
        (parse_integer, "-9223372036854775808", -(2**63)),
        (parse_integer, 2**63 - 1, 2**63 - 1),
        (parse_integer, "0e999999999", 0),
        (parse_number, "1e-5", 1e-5),
        (parse_number, ".5", 0.5),
        (parse_number, 2**1000, 2.0**1000),
        (parse_duration_s, "315576000000s", 315576e6),
        (parse_duration_s, "-0.5s", -0.5),
    ],
)
def test_a_number_within_its_limits_is_read(parse: Parse, value: Json, found: float) -> None:
    assert parse(value, "field") == found


@pytest.mark.parametrize(
    ("parse", "value", "problem"),
    [
        (parse_integer, 2**63, "expected a whole number of 64 bits at most, got 9223372036854775808"),
        (parse_integer, -(2**63) - 1, "expected a whole number of 64 bits at most"),
        (parse_integer, "1e999999999", "expected a whole number of 64 bits at most, got '1e999999999'"),
        (parse_integer, "-1e30", "expected a whole number of 64 bits at most"),
        (parse_integer, 10**1000, "expected a whole number of 64 bits at most, got an integer of 3322 bits"),
        (parse_integer, 1e300, "expected a whole number of 64 bits at most, got 1e+300"),
        (parse_integer, "1e-999999999", "expected a whole number, got '1e-999999999'"),
        (parse_integer, "1" * 1_000_000, "expected a whole number, got '1111"),
        (parse_integer, math.inf, "expected a whole number, got inf"),
        (parse_integer, "NaN", "expected a whole number, got 'NaN'"),
        (parse_integer, "1_000", "expected a whole number, got '1_000'"),
        (parse_integer, "\u0663", "expected a whole number, got"),
        (parse_integer, True, "expected a whole number, got True"),
        (parse_integer, [1], "expected a whole number, got an array of 1 items"),
        (parse_number, 10**400, "expected a finite number, got an integer of 1329 bits"),
        (parse_number, "1e309", "expected a finite number, got '1e309'"),
        (parse_number, "1" * 1_000_000, "expected a finite number, got '1111"),
        (parse_number, "Infinity", "expected a finite number, got 'Infinity'"),
        (parse_number, math.nan, "expected a finite number, got nan"),
        (parse_number, "1_0", "expected a finite number, got '1_0'"),
        (parse_number, True, "expected a finite number, got True"),
        (parse_number, {}, "expected a finite number, got an object of 0 fields"),
        (parse_duration_s, "315576000001s", "expected 315576000000s at most, got '315576000001s'"),
        (parse_duration_s, f"{'9' * 400}s", "expected a duration such as '3.5s'"),
        (parse_duration_s, "\u0663s", "expected a duration such as '3.5s'"),
        (parse_time, f"2026-01-31T12:00:00.{'1' * 1_000_000}", "expected a time such as"),
        (parse_time, "2026-01-31T12:00:00+99:99", "is no time"),
        (parse_time, "0000-01-31T12:00:00Z", "is no time"),
        (parse_time, "\u06632026-01-31T12:00:00Z", "expected a time such as"),
    ],
    ids=range(29),
)
def test_the_error_for_an_invalid_number_duration_or_time_names_the_field(
    parse: Parse, value: Json, problem: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(value, "field")
    assert str(caught.value).startswith("field: ")
    assert problem in str(caught.value)


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet="0123456789.eE+-s:TZ_ ", max_size=20)


@pytest.mark.parametrize(
    ("parse", "type_"),
    [(parse_integer, int), (parse_number, float), (parse_duration_s, float), (parse_time, datetime)],
)
@given(value=JSON)
def test_any_value_is_read_or_refused_with_a_document_error(parse: Parse, type_: type, value: Json) -> None:
    read: object = None
    with suppress(DocumentError):
        read = parse(value, "field")
    assert read is None or type(read) is type_


@pytest.mark.parametrize("value", [10**400, math.nan, math.inf])
def test_a_number_in_a_trials_parameters_must_be_finite(value: float) -> None:
    with pytest.raises(DocumentError, match=r"^trial.parameters\[0\].value: expected a finite number"):
        parse_trial({"parameters": [{"parameterId": "x", "value": value}]})


@pytest.mark.parametrize("depth", [DEPTH_LIMIT, DEPTH_LIMIT + 1, 200])
def test_the_nesting_of_conditional_parameters_is_limited(depth: int) -> None:
    spec: Json = {"parameterId": "x", "doubleValueSpec": {}}
    for _ in range(depth):
        child: Json = {"parentCategoricalValues": {"values": ["a"]}, "parameterSpec": spec}
        spec = {"parameterId": "x", "categoricalValueSpec": {}, "conditionalParameterSpecs": [child]}
    if depth <= DEPTH_LIMIT:
        assert parse_parameter(spec, "p").children
    else:
        with pytest.raises(DocumentError, match="conditional parameters are nested more than 40 deep"):
            parse_parameter(spec, "p")
