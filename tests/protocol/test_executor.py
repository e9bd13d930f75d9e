from __future__ import annotations

import json
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import parse_executor_input


def document(tmp_path: Path, **parameters: object) -> str:
    artifact = {"name": "model", "uri": str(tmp_path / "model"), "type": {"schemaTitle": "system.Model"}}
    return json.dumps(
        {
            "inputs": {"parameterValues": parameters, "artifacts": {"job": {"artifacts": [{"uri": "gs://b/job"}]}}},
            "outputs": {
                "artifacts": {"model": {"artifacts": [artifact]}},
                "outputFile": str(tmp_path / "out" / "executor_output.json"),
            },
        }
    )


def test_the_parameters_and_artifacts_of_kfp_are_read(tmp_path: Path) -> None:
    given = parse_executor_input(document(tmp_path, text="a", count=3.0, many='["x", "y z"]'))

    assert given.text("text") == "a"
    assert given.integer("count") == 3
    assert given.strings("many") == ("x", "y z")
    assert given.text("absent") == ""
    assert given.strings("absent") == ()
    assert given.inputs["job"].path == Path("/gcs/b/job")
    assert given.outputs["model"].path == tmp_path / "model"


def test_the_output_document_contains_every_artifact_and_parameter(tmp_path: Path) -> None:
    given = parse_executor_input(document(tmp_path))

    given.write_output({"best_value": 1.5}, {"model": {"loss": 1.5}})

    written = json.loads(given.output_file.read_text())
    assert written["parameterValues"] == {"best_value": 1.5}
    (model,) = written["artifacts"]["model"]["artifacts"]
    assert model["metadata"] == {"loss": 1.5}
    assert model["type"] == {"schemaTitle": "system.Model"}
    assert model["uri"] == str(tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", "--executor_input"),
        ("[]", "executor_input"),
        ("{}", "outputs.outputFile"),
        ('{"inputs": 1}', "inputs"),
        ('{"inputs": {"artifacts": {"a": {"artifacts": []}}}, "outputs": {"outputFile": "x"}}', "inputs.artifacts.a"),
    ],
)
def test_the_error_for_a_malformed_executor_input_names_the_field(text: str, field: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_executor_input(text)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("parameters", "read"),
    [
        ({"x": 1}, "text"),
        ({"x": "3"}, "integer"),
        ({"x": 1.5}, "integer"),
        ({"x": float("nan")}, "integer"),
        ({"x": float("inf")}, "integer"),
        ({"x": True}, "integer"),
        ({"x": "[1]"}, "strings"),
    ],
)
def test_a_parameter_of_the_wrong_type_is_refused(tmp_path: Path, parameters: dict[str, object], read: str) -> None:
    given = parse_executor_input(document(tmp_path, **parameters))

    with pytest.raises(DocumentError, match=r"parameterValues\.x"):
        getattr(given, read)("x")
