"""Reads a compiled pipeline and checks arguments against it, before anything is started or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.files.json_form import load_json
from hydra_vertex.launcher.files.reading import PIPELINE_FILE
from hydra_vertex.launcher.files.yaml_form import load_yaml
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.json import Json, JsonObject


@dataclass(frozen=True, slots=True)
class CompiledPipeline:
    """The content of a pipeline file: a `PipelineSpec` (kfp's pipeline_spec.proto)."""

    file: Path
    spec: JsonObject

    @property
    def name(self) -> str:
        """The name of the pipeline, such as `tune-and-retrain`."""
        return str(object_at(self.spec, "pipelineInfo").get("name"))

    @property
    def parameters(self) -> JsonObject:
        """The definitions of the pipeline's parameters, by name."""
        return object_at(self.spec, "root", "inputDefinitions", "parameters")

    def check_arguments(self, arguments: Mapping[str, object]) -> None:
        """Check the arguments. Raises UserError for an unknown argument, and for a required parameter without one."""
        if unknown := sorted(set(arguments) - set(self.parameters)):
            raise UserError(
                f"{self.file}: the pipeline {self.name} has no parameter {', '.join(unknown)}; "
                f"it has {', '.join(sorted(self.parameters))}. If an earlier version has compiled it, compile it again "
                "with `hydra-vertex compile`, or leave the option for this parameter out"
            )
        needed = {name for name, definition in self.parameters.items() if not object_at(definition).get("isOptional")}
        if missing := sorted(needed - set(arguments)):
            raise UserError(f"{self.file}: the pipeline {self.name} needs a value for {', '.join(missing)}")


def read_pipeline(file: Path) -> CompiledPipeline:
    """Read a .json or .yaml file that kfp compiled. Raises OutputError when the file is not a compiled pipeline."""
    # A .yaml file may have a second document with platform-specific settings.
    load = load_json if file.suffix == ".json" else load_yaml
    spec = load(file, PIPELINE_FILE)
    if not isinstance(spec, Mapping) or not {"pipelineInfo", "root", "schemaVersion"} <= set(spec):
        raise OutputError(f"{file}: not a compiled pipeline; `hydra-vertex compile -o pipeline.json` makes one")
    return CompiledPipeline(file, spec)


def object_at(value: Json, *path: str) -> JsonObject:
    """Return the object at `path`, or an empty object when the document has none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
