"""Finds the parts of a compiled pipeline that cannot run on this machine, before its first step is started. Pure."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.pipelines.compiled_pipeline import object_at
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.files import local_path
from hydra_vertex.protocol.interpreter import is_python
from hydra_vertex.protocol.json import Json, JsonObject

from .conditions import inputs_of
from .python_steps import EXECUTOR, is_python_step

_PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}")
_KNOWN = re.compile(
    r"|\.(inputs|outputs)\..*|\.output(MetadataUri|_metadata_uri|s\.output_file)"
    r"|\.pipeline_(job_name|job_uuid|job_resource_name|task_name|task_uuid|root|service_account|network"
    r"|google_cloud_project_id|google_cloud_location|persistent_resource_id|encryption_key_name)"
    r"|\.pipeline_task_(name|uuid)|\.workspace_path|\.json_escape\[1\]"
)
"""The placeholders of kfp's `dsl`, and those of Vertex Pipelines that have a value here."""


def unsupported_steps(spec: JsonObject, custom_job_launcher: str) -> Iterator[str]:
    """Yield a sentence for each step that cannot run here, with its name."""
    for label, executor in object_at(spec, "deploymentSpec", "executors").items():
        step, executor = label.removeprefix("exec-"), object_at(executor)
        container = object_at(executor, "container")
        if custom_job_launcher in _words(container, "command"):
            continue
        if "importer" in executor:
            yield from _importer(step, object_at(executor, "importer"))
        elif "container" not in executor:
            yield f"the step {step} is a {', '.join(executor) or 'step of an unknown kind'}, which only a cluster runs"
        else:
            yield from _container(step, container)


def unsupported_graph(spec: JsonObject) -> Iterator[str]:
    """Yield a sentence for each part of the order of the steps that cannot be executed here."""
    for name, component in {"root": spec.get("root"), **object_at(spec, "components")}.items():
        yield from _graph(name.removeprefix("comp-"), object_at(component, "dag"))
    needed = [
        name
        for name, each in object_at(spec, "root", "inputDefinitions", "artifacts").items()
        if not object_at(each).get("isOptional")
    ]
    if needed:
        yield f"the pipeline needs the artifacts {', '.join(needed)}, which cannot be given to a run on this machine"


def _container(step: str, container: JsonObject) -> Iterator[str]:
    command, image = _words(container, "command"), container.get("image", "")
    words = [*command, *_words(container, "args")]
    if not command:
        yield f"the step {step} has no command, and the entry point of its image {image} is not known here"
    elif any(EXECUTOR in word for word in command):
        if not is_python_step(command):
            yield f"the step {step} runs a function that is in its image {image}; the function must be in the pipeline"
    elif problem := _program_problem(command):
        yield f"the step {step} runs {problem} of its image {image}, which this machine does not have"
    texts = [*words, *(str(object_at(each).get("value", "")) for each in _items(container, "env"))]
    yield from _placeholders(f"the step {step}", texts)


def _program_problem(command: list[str]) -> str:
    """Return the part of a command that does not exist here; empty when all do that can be looked up."""
    program, *rest = command
    if is_python(program) and "/" not in program:
        if rest[:1] == ["-m"] and rest[1:] and find_spec(rest[1].partition(".")[0]) is None:
            return f"the module {rest[1]}"
        if rest and not rest[0].startswith("-") and "{{" not in rest[0] and not Path(rest[0]).exists():
            return f"the file {excerpt(rest[0])}"
        return ""
    beside = Path(sys.executable).parent / program
    return "" if "{{" in program or beside.exists() or shutil.which(program) else f"the program {excerpt(program)}"


def _importer(step: str, importer: JsonObject) -> Iterator[str]:
    uri = object_at(importer, "artifactUri").get("constant")
    if isinstance(uri, str) and not local_path(uri).exists():
        yield f"the step {step} imports {uri}, and there is no {local_path(uri)} on this machine"


def _graph(name: str, dag: JsonObject) -> Iterator[str]:
    where = "the pipeline" if name == "root" else f"the part {name} of the pipeline"
    for task, given in object_at(dag, "tasks").items():
        yield from _task(task, object_at(given))
    for output, selected in object_at(dag, "outputs", "artifacts").items():
        if len(_items(object_at(selected), "artifactSelectors")) > 1:
            yield f"{where} has the output {output} from one of several branches (dsl.OneOf), an artifact"


def _task(name: str, task: JsonObject) -> Iterator[str]:
    if "artifactIterator" in task:
        yield f"the loop {name} is over artifacts; only a loop over parameters runs here"
    condition = object_at(task, "triggerPolicy").get("condition")
    if isinstance(condition, str):
        try:
            inputs_of(condition)
        except UserError as error:
            yield f"the task {name}: {error}"
    constants = [
        str(object_at(given, "runtimeValue").get("constant", ""))
        for given in object_at(task, "inputs", "parameters").values()
    ]
    yield from _placeholders(f"the task {name}", constants)


def _placeholders(where: str, texts: list[str]) -> Iterator[str]:
    for found in dict.fromkeys(found for text in texts for found in _PLACEHOLDER.findall(text)):
        if not _KNOWN.fullmatch(found):
            yield f"{where} has the placeholder {{{{${found}}}}}, which has no value on this machine"


def _words(container: JsonObject, name: str) -> list[str]:
    return [str(word) for word in _items(container, name)]


def _items(holder: Mapping[str, Json], name: str) -> list[Json]:
    value = holder.get(name)
    return value if isinstance(value, list) else []
