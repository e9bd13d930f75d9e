from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.files.json_form import load_json, unusual_values
from hydra_vertex.launcher.files.reading import JOB_FILE, MAX_DEPTH
from hydra_vertex.protocol.errors import OutputError

BAD = {
    "nested": ("[" * 100_000 + "]" * 100_000, f"nested more than {MAX_DEPTH} levels deep"),
    "nested just too deep": ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), f"nested more than {MAX_DEPTH} levels"),
    "not JSON": ("{", "not JSON"),
    "empty": ("", "not JSON"),
    "NaN": ('{"a": NaN}', "not JSON: NaN is not a JSON number"),
    "infinite": ('{"a": -Infinity}', "not JSON: -Infinity is not a JSON number"),
    "too large a double": ('{"a": 1e999}', "not JSON: 1e999 is beyond the range of a double"),
    "too large a whole number": ('{"a": ' + "9" * 5000 + "}", "has more than 64 bits"),
    "half a surrogate pair": ('{"a": ["\\ud800"]}', "a[0] is not Unicode"),
    "half a surrogate pair as a key": ('{"a": {"\\udfff": 1}}', "a is not Unicode"),
}


@pytest.mark.parametrize("case", BAD)
def test_json_that_could_not_be_written_again_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    text, expected = BAD[case]
    (tmp_path / "job.json").write_text(text)

    with pytest.raises(OutputError) as caught:
        load_json(tmp_path / "job.json", JOB_FILE)

    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_document_of_the_allowed_depth_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    (tmp_path / "b.json").write_text('{"a": [1, 2.5, "\\ud83d\\ude00", null, true]}')

    assert load_json(tmp_path / "a.json", JOB_FILE)
    assert load_json(tmp_path / "b.json", JOB_FILE) == {"a": [1, 2.5, "😀", None, True]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "is not a HyperparameterTuningJob (it has no studySpec)"),
        ('{"studySpec": {"metrics": 3}}', "studySpec.metrics: expected an array"),
        ('{"studySpec": {}, "maxTrialCount": "many"}', "maxTrialCount: expected a whole number"),
        ('{"studySpec": {}, "trials": [{"parameters": [{"parameterId": "x"}]}]}', "expected a number or a string"),
    ],
)
def test_a_file_that_is_not_a_job_is_refused_by_name(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "job.json").write_text(text)

    with pytest.raises(OutputError) as caught:
        read_job(tmp_path / "job.json")

    assert str(caught.value).startswith(f"{tmp_path / 'job.json'}: ")
    assert expected in str(caught.value)
    assert str(caught.value).endswith("give the job.json of a run")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": float("inf")}, "a: is inf; expected a finite number"),
        ({"a": [1, {"b": float("nan")}]}, "a[1].b: is nan"),
        ({"a": 2**63}, "a: is a whole number of more than 64 bits"),
        ({1: 2}, "the file: has the key 1; expected text, such as '1' in quotes"),
        ({"a": {None: 2}}, "a: has the key None"),
        ({"a": "\ud800"}, "a: is not Unicode"),
        ({"a": b"x"}, "a: is of the type bytes"),
    ],
)
def test_values_that_json_does_not_have_are_reported_with_their_path(value: object, expected: str) -> None:
    assert expected in next(unusual_values(value))


def test_a_json_document_has_no_unusual_values() -> None:
    assert list(unusual_values({"a": [1, 2.0, "x", None, True, {"b": -(2**62)}]})) == []
