"""The JSON parser of request bodies accepts all JSON, and nothing else."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.service.api.request_body import parse_body
from hydra_vertex.service.status import Refusal, Status

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_any_json_is_parsed_unchanged(document: object, is_ascii: bool) -> None:
    assert parse_body(json.dumps(document, ensure_ascii=is_ascii).encode()) == document


def refusal_of(body: bytes) -> Refusal | None:
    try:
        parse_body(body)
    except Refusal as refusal:
        return refusal
    return None


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:0123456789.eE+-NaInfinity\\ud8', max_size=40).map(str.encode))
def test_any_bytes_are_refused_or_json_that_can_be_serialised(body: bytes) -> None:
    refusal = refusal_of(body)
    if refusal is None:
        document = parse_body(body)
        assert json.loads(body) == document
        assert json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert refusal.status is Status.INVALID_ARGUMENT


@given(st.floats(min_value=1e308) | st.floats(max_value=-1e308))
def test_a_number_too_large_for_a_double_is_refused(number: float) -> None:
    body = repr(number).replace("inf", "1e999").encode()
    assert (refusal_of(body) is not None) is math.isinf(number)
