"""The filter and the read mask of a list request, as Vertex AI documents them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.service.api.filter import parse_filter
from hydra_vertex.service.api.listing import camel, mask_of, masked, parse_list_request
from hydra_vertex.service.status import Refusal, Status

JOB = {
    "displayName": 'my_job_1 "quoted"',
    "state": "JOB_STATE_FAILED",
    "createTime": "2026-01-31T12:00:00.500000Z",
    "labels": {"keyA": "valueA", "keyB": ""},
}
OTHER = {"displayName": "other", "state": "JOB_STATE_SUCCEEDED", "createTime": "2020-01-01T00:00:00.000000Z"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("  ", True),
        ('state="JOB_STATE_FAILED"', True),
        ("state=JOB_STATE_FAILED", True),
        ('state!="JOB_STATE_FAILED"', False),
        ('state="JOB_STATE_FAILED" AND display_name:"my_job_*"', True),
        ('state!="JOB_STATE_FAILED" OR display_name="my_job"', False),
        ('NOT display_name="my_job"', True),
        ('-displayName="my_job"', True),
        (r'displayName="my_job_1 \"quoted\""', True),
        ('display_name:"my_job"', False),
        ('display_name:"*"', True),
        ('display_name="my_job_*"', False),
        ('display_name:"*job*quoted*"', True),
        ('display_name:"*quoted*job*"', False),
        ('display_name:"my*my_job_1*"', False),
        ('create_time>"2021-05-18T00:00:00Z"', True),
        ('createTime<"2021-05-18T00:00:00Z"', False),
        ('create_time>="2026-01-31T13:00:00.5+01:00"', True),
        ('create_time="2026-01-31T12:00:00.5Z"', True),
        ("labels.keyA=valueA", True),
        ('labels.keyA!="valueA"', False),
        ("labels.keyA:valueA", True),
        ("labels.keyB:*", True),
        ("labels.keyC:*", False),
        # OR binds more tightly than AND (AIP-160): this is A AND (B OR C).
        ("labels.keyC:* AND labels.keyA:* OR labels.keyB:*", False),
        ("(labels.keyC:* AND labels.keyA:*) OR labels.keyB:*", True),
        ("labels.keyA:* labels.keyB:*", True),
        ("labels.keyA:* NOT labels.keyB:*", False),
        ("NOT (labels.keyC:* OR labels.keyD:*)", True),
    ],
)
def test_a_filter_matches_the_jobs_that_it_describes(text: str, holds: bool) -> None:
    assert parse_filter(text)(JOB) is holds


def test_a_job_without_labels_matches_no_filter_for_a_label() -> None:
    assert parse_filter("labels.keyA:*")(OTHER) is False
    assert parse_filter("labels.keyA!=x")(OTHER) is True


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("size=3", "'size' is not one of display_name, state, create_time and labels.KEY"),
        ("state", "'the end' was not expected"),
        ("state=", "'the end' was not expected"),
        ("state>JOB_STATE_FAILED", "state: expected = or !="),
        ("state=RUNNING", "'RUNNING' is not a JobState"),
        ("display_name<x", "display_name: expected =, != or :"),
        ("create_time:*", "create_time: expected ="),
        ('create_time>"yesterday"', "create_time: expected a time"),
        ('create_time>"2026-13-01T00:00:00Z"', "month"),
        ('create_time>"0001-01-01T00:00:00+23:00"', "is no time"),
        ('create_time>"9999-12-31T23:59:59-23:00"', "is no time"),
        ("labels.a>b", "labels.a: expected ="),
        ('display_name="x', "cannot be parsed"),
        ("(state=JOB_STATE_FAILED", "'the end' was not expected"),
        ("state=JOB_STATE_FAILED)", "')' was not expected"),
        ("state=JOB_STATE_FAILED OR", "'the end' was not expected"),
        ("labels.a:* " * 400, "expected 4096 characters at most, got 4400"),
        (f"labels.{'a' * 200}=", f"'labels.{'a' * 73}'… (208 characters)"),
        ("(" * 100 + "labels.a:*" + ")" * 100, "expected 32 nested parentheses at most"),
    ],
)
def test_an_invalid_filter_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Refusal, match=r"^filter: ") as caught:
        parse_filter(text)
    assert problem in str(caught.value)
    assert (caught.value.status, caught.value.field) == (Status.INVALID_ARGUMENT, "filter")


@given(st.text(max_size=60) | st.text(alphabet='()=!<>:"-* labels.aNOTANDORstate_', max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        predicate = parse_filter(text)
    except Refusal:
        return
    assert predicate(JOB) in {True, False}


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="*"), max_size=30))
def test_any_display_name_can_be_quoted_in_a_filter(name: str) -> None:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    for sign in "=:":
        assert parse_filter(f'display_name{sign}"{escaped}"')({"displayName": name})
        assert not parse_filter(f'display_name{sign}"{escaped}"')({"displayName": f"{name}!"})


@given(st.text(alphabet="ab*\n", max_size=8), st.text(alphabet="ab\n", max_size=12))
def test_a_wildcard_matches_any_text(pattern: str, name: str) -> None:
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    is_match = re.fullmatch(expression, name, re.DOTALL) is not None
    assert parse_filter(f'display_name:"{pattern}"')({"displayName": name}) is is_match


@pytest.mark.parametrize(
    ("path", "converted"),
    [
        ("display_name", "displayName"),
        ("study_spec.parameter_id", "studySpec.parameterId"),
        ("labels.my_key", "labels.my_key"),
        ("trial_job_spec.labels.my_key.a_b", "trialJobSpec.labels.my_key.a_b"),
        ("a_b." * 20_000 + "c", "aB." * 20_000 + "c"),
    ],
)
def test_a_field_path_is_converted_to_camel_case_except_the_keys_of_labels(path: str, converted: str) -> None:
    assert camel(path) == converted


def test_a_mask_longer_than_the_limit_is_refused() -> None:
    with pytest.raises(Refusal, match=r"^readMask: expected 4096 characters at most, got 4500$"):
        parse_list_request({"readMask": "labels.a," * 500})


@pytest.mark.parametrize(
    ("mask", "kept"),
    [
        ("", {"a": {"b": 1, "c": {"d": 2}}, "displayName": "x", "labels": {"k_1": "v", "l": "w"}}),
        ("*", {"a": {"b": 1, "c": {"d": 2}}, "displayName": "x", "labels": {"k_1": "v", "l": "w"}}),
        ("display_name", {"displayName": "x"}),
        ("displayName,a.b", {"displayName": "x", "a": {"b": 1}}),
        ("a.c.d", {"a": {"c": {"d": 2}}}),
        ("a.c,a.c.d", {"a": {"c": {"d": 2}}}),
        ("a.c.d,a.c", {"a": {"c": {"d": 2}}}),
        ("a.c.d,a", {"a": {"b": 1, "c": {"d": 2}}}),
        ("a,a.c.d", {"a": {"b": 1, "c": {"d": 2}}}),
        ("a.x", {"a": {}}),
        ("labels.k_1", {"labels": {"k_1": "v"}}),
    ],
)
def test_a_mask_keeps_the_fields_that_it_names(mask: str, kept: dict[str, object]) -> None:
    document = {"a": {"b": 1, "c": {"d": 2}}, "displayName": "x", "labels": {"k_1": "v", "l": "w"}}
    assert masked(document, mask_of(parse_list_request({"readMask": mask}).paths)) == kept
