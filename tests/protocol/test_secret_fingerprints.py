"""Recognising secrets by their fingerprints."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.secret_fingerprints import fingerprints, without_known

secret_texts = st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc", "Zl", "Zp"]), min_size=6, max_size=40)


@given(st.lists(secret_texts, min_size=1, max_size=4), st.text(max_size=60), st.text(max_size=60))
def test_a_secret_is_masked_wherever_it_stands(values: list[str], before: str, after: str) -> None:
    document = json.loads(json.dumps(fingerprints(values, "salt")))
    for value in values:
        assert value not in without_known(f"{before} {value} {after}", document).replace("***", "\0")


@given(st.text(max_size=100))
def test_a_text_without_secrets_does_not_change(text: str) -> None:
    assert without_known(text, fingerprints(["a-secret-that-is-not-in-it" * 5], "salt")) == text


def test_the_lines_of_a_secret_are_masked_too_and_short_parts_are_not() -> None:
    key = "-----BEGIN KEY-----\nabcdefgh\nxyz\n"
    assert without_known("at abcdefgh and xyz", fingerprints([key], "salt")) == "at *** and xyz"
    assert without_known("a short one", fingerprints(["short"], "salt")) == "a short one"


def test_the_fingerprints_do_not_contain_the_secret_and_differ_by_the_salt() -> None:
    one, other = fingerprints(["S3CRET-value"], "1"), fingerprints(["S3CRET-value"], "2")
    assert "S3CRET" not in json.dumps(one)
    assert one["digests"] != other["digests"]


@pytest.mark.parametrize(
    "document",
    [None, 1, [], {}, {"salt": 1, "digests": {}}, {"salt": "a"}, {"salt": "a", "digests": {"x": [], "7": 1, "-3": []}}],
)
def test_a_file_that_the_trial_has_written_over_changes_nothing(document: Json) -> None:
    assert without_known("any text", document) == "any text"
