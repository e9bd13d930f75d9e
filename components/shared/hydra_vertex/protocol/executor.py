"""The inputs and outputs of a KFP container component: `--executor_input {{$}}` and `executor_output.json`.

Source of the format: `ExecutorInput` and `ExecutorOutput` in kfp's pipeline_spec.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import json
from .errors import DocumentError
from .files import local_path, write_atomic
from .json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact of a pipeline. `uri` is its address in the artifact store; `path` is its local path."""

    name: str
    uri: str
    type: JsonObject
    metadata: JsonObject = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The path of the artifact in this process's file system."""
        return local_path(self.uri)


@dataclass(frozen=True, slots=True)
class ExecutorInput:
    """The input of a pipeline step: parameter values, input artifacts, and the paths of its outputs.

    `outputs` are the output artifacts. `output_parameters` maps each output parameter to the file for its value.
    """

    parameters: JsonObject
    inputs: Mapping[str, Artifact]
    outputs: Mapping[str, Artifact]
    output_file: Path
    output_parameters: Mapping[str, Path] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return a STRING parameter; `default` when the pipeline does not set it.

        Raises DocumentError when the value is not a string.
        """
        value = self.parameters.get(name, default)
        if not isinstance(value, str):
            raise DocumentError(f"inputs.parameterValues.{name}", f"expected a string, got {value!r}")
        return value

    def integer(self, name: str) -> int:
        """Return a NUMBER_INTEGER parameter, which KFP passes as a double.

        Raises DocumentError when the value is missing or not a whole number.
        """
        value = self.parameters.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 != 0:
            raise DocumentError(f"inputs.parameterValues.{name}", f"expected a whole number, got {value!r}")
        return int(value)

    def strings(self, name: str) -> tuple[str, ...]:
        """Return the strings of a STRING parameter that contains a JSON array; () when it is absent or empty.

        Raises DocumentError when the value is not a JSON array of strings.
        """
        text = self.text(name)
        try:
            value = json.loads(text) if text.strip() else []
        except ValueError as error:
            raise DocumentError(f"inputs.parameterValues.{name}", f"not JSON ({error}): {text!r}") from error
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise DocumentError(f"inputs.parameterValues.{name}", f"expected a JSON array of strings, got {text!r}")
        return tuple(str(item) for item in value)

    def texts(self, name: str) -> dict[str, str]:
        """Return the strings of a STRING parameter that contains a JSON object; empty when it is absent or empty.

        Raises DocumentError when the value is not a JSON object of strings.
        """
        text = self.text(name)
        try:
            value = json.loads(text) if text.strip() else {}
        except ValueError as error:
            raise DocumentError(f"inputs.parameterValues.{name}", f"not JSON ({error}): {text!r}") from error
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise DocumentError(f"inputs.parameterValues.{name}", f"expected a JSON object of strings, got {text!r}")
        return {key: str(item) for key, item in value.items()}

    def write_output(
        self,
        parameters: JsonObject,
        metadata: Mapping[str, JsonObject] | None = None,
        uris: Mapping[str, str] | None = None,
    ) -> None:
        """Write `executor_output.json`: every output artifact with its metadata, and the output parameters.

        `uris` are the addresses of the artifacts that are not where the pipeline put them.
        A declared parameter without a value is written as null, because Kubeflow fails a step that omits one. A value
        is also written to the parameter's own file, as Google's components do. Raises OSError.
        """
        for name in self.output_parameters.keys() & parameters.keys():
            value = parameters[name]
            write_atomic(self.output_parameters[name], value if isinstance(value, str) else json.dumps(value))
        absent: JsonObject = dict.fromkeys(self.output_parameters.keys() - parameters.keys())
        described = {
            name: {"artifacts": [_dump_artifact(artifact, (metadata or {}).get(name, {}), (uris or {}).get(name))]}
            for name, artifact in self.outputs.items()
        }
        document: JsonObject = {"artifacts": described, "parameterValues": {**absent, **parameters}}
        write_atomic(self.output_file, json.dumps(document))


def parameter_text(value: Json) -> str:
    """Return JSON for a pipeline parameter in which KFP finds no placeholder: `{{` is written as an escape.

    In JSON, `{{` occurs only inside texts, so readers get the same value.
    """
    return json.dumps(value).replace("{{", r"\u007b\u007b")


def parse_executor_input(text: str) -> ExecutorInput:
    """Parse the value of `--executor_input`. Raises DocumentError naming the invalid field."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DocumentError("--executor_input", f"not JSON ({error}); KFP inserts it for {{{{$}}}}") from error
    top = _object(document, "executor_input")
    inputs = _object(top.get("inputs", {}), "inputs")
    outputs = _object(top.get("outputs", {}), "outputs")
    output_file = outputs.get("outputFile")
    if not isinstance(output_file, str):
        raise DocumentError("outputs.outputFile", f"expected a path, got {output_file!r}")
    return ExecutorInput(
        parameters=_object(inputs.get("parameterValues", {}), "inputs.parameterValues"),
        inputs=_artifacts(inputs, "inputs"),
        outputs=_artifacts(outputs, "outputs"),
        output_file=local_path(output_file),
        output_parameters=_parameter_files(_object(outputs.get("parameters", {}), "outputs.parameters")),
    )


def _parameter_files(parameters: JsonObject) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name, value in parameters.items():
        path = f"outputs.parameters.{name}"
        file = _object(value, path).get("outputFile")
        if not isinstance(file, str):
            raise DocumentError(f"{path}.outputFile", f"expected a path, got {file!r}")
        files[name] = local_path(file)
    return files


def _artifacts(holder: JsonObject, path: str) -> dict[str, Artifact]:
    lists = _object(holder.get("artifacts", {}), f"{path}.artifacts")
    return {name: _artifact(value, f"{path}.artifacts.{name}") for name, value in lists.items()}


def _artifact(value: Json, path: str) -> Artifact:
    items = _object(value, path).get("artifacts")
    if not isinstance(items, list) or len(items) != 1:
        raise DocumentError(path, f"expected one artifact, got {items!r}")
    item = _object(items[0], path)
    return Artifact(
        name=str(item.get("name", "")),
        uri=str(item.get("uri", "")),
        type=_object(item.get("type", {}), f"{path}.type"),
        metadata=_object(item.get("metadata", {}), f"{path}.metadata"),
    )


def _dump_artifact(artifact: Artifact, metadata: JsonObject, uri: str | None) -> JsonObject:
    return {
        "name": artifact.name,
        "uri": uri or artifact.uri,
        "type": artifact.type,
        "metadata": {**artifact.metadata, **metadata},
    }


def _object(value: Json, path: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise DocumentError(path, f"expected a JSON object, got {value!r}")
    return value
