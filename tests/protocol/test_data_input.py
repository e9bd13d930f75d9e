from pathlib import Path

import pytest

from hydra_vertex.protocol.data_input import data_override, with_data
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import Artifact, ExecutorInput


def step(uri: str = "", **parameters: str) -> ExecutorInput:
    inputs = {"data": Artifact("data", uri, {})} if uri else {}
    return ExecutorInput(parameters, inputs, {}, Path("out"))


@pytest.mark.parametrize(
    ("uri", "parameters", "override"),
    [
        ("", {}, ()),
        ("", {"data_key": "", "data_form": "path"}, ()),
        ("gs://b/x", {"data_key": "data.path"}, ("data.path=/gcs/b/x",)),
        ("gs://b/x", {"data_key": "data.path", "data_form": "uri"}, ("data.path='gs://b/x'",)),
        ("/a b/c", {"data_key": "+data", "data_form": "path"}, ("+data='/a b/c'",)),
    ],
)
def test_the_key_gets_the_path_or_the_address(uri: str, parameters: dict[str, str], override: tuple[str, ...]) -> None:
    assert data_override(step(uri, **parameters)) == override


@pytest.mark.parametrize(
    ("uri", "parameters", "message"),
    [
        ("", {"data_key": "data.path"}, "data_key: is 'data.path', and the step has no artifact data"),
        ("/x", {}, "data_key: expected the app's key for the artifact data, such as data.path, got ''"),
        ("/x", {"data_key": "a=b"}, "got 'a=b'"),
        ("/x", {"data_key": "a", "data_form": "gs"}, "data_form: expected one of path, uri, got 'gs'"),
        ("/it's", {"data_key": "a"}, "data: its address has one of"),
    ],
)
def test_what_cannot_be_given_is_refused_by_name(uri: str, parameters: dict[str, str], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        data_override(step(uri, **parameters))

    assert message in str(caught.value)


def test_the_override_is_before_those_of_the_search_file() -> None:
    assert with_data(("python", "t.py", "a=1"), ("d=x",), 1) == ("python", "t.py", "d=x", "a=1")
    assert with_data(("python", "t.py"), ("d=x",), 0) == ("python", "t.py", "d=x")
