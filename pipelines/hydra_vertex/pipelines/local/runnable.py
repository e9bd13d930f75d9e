"""Refuses a compiled pipeline with a step that this machine cannot run, before its first step is started."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.pipelines.compiled_pipeline import CompiledPipeline, object_at
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject

from .kfp_patches import CUSTOM_JOB_LAUNCHER
from .python_steps import is_python_step
from .steps import Step
from .unsupported import unsupported_graph, unsupported_steps

_OF_GOOGLE = ("google_cloud_pipeline_components", "google-cloud-pipeline-components")


def require_runnable(pipeline: CompiledPipeline, *, in_containers: bool = False) -> None:
    """Check every step. Raises UserError naming the steps that need Vertex AI, and what else cannot run here.

    `in_containers`: the programs of the steps are in their images.
    """
    steps = sorted(set(_steps_of_google(pipeline.spec)))
    if not steps:
        _require_supported(pipeline, in_containers)
        return
    what = f"the step{'s' if len(steps) > 1 else ''} {', '.join(steps)}"
    raise UserError(
        f"{pipeline.file}: {what} can run only on Vertex AI (Google's pipeline components); compile the pipeline "
        "without --serving-image for a run on this machine"
    )


def _require_supported(pipeline: CompiledPipeline, in_containers: bool) -> None:
    parts = unsupported_graph(pipeline.spec)
    steps = () if in_containers else unsupported_steps(pipeline.spec, CUSTOM_JOB_LAUNCHER)
    problems = tuple(dict.fromkeys((*steps, *parts)))
    if problems:
        raise UserError(
            f"{pipeline.file}: cannot run on this machine: {'; '.join(problems)}. Run it on a cluster, or leave these "
            "parts out"
        )


def python_steps(pipeline: CompiledPipeline) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the command of each step that is a Python function in the pipeline."""
    for name, executor in object_at(pipeline.spec, "deploymentSpec", "executors").items():
        words = _words(object_at(executor, "container"), "command")
        if is_python_step(words):
            yield name.removeprefix("exec-"), words


def has_tuning_step(pipeline: CompiledPipeline) -> bool:
    """Whether a step of the pipeline needs a tuning service."""
    executors = object_at(pipeline.spec, "deploymentSpec", "executors").values()
    return any(Step.is_tune(_words(object_at(executor, "container"), "command")) for executor in executors)


def _steps_of_google(spec: JsonObject) -> Iterator[str]:
    """Yield the names of the executors that are Google's, and of importers of Google's resources.

    A CustomJob is not among them: its own command can run here.
    """
    for name, executor in object_at(spec, "deploymentSpec", "executors").items():
        container = object_at(executor, "container")
        imported = str(object_at(executor, "importer", "typeSchema").get("schemaTitle", ""))
        text = " ".join([*_words(container, "command"), str(container.get("image", ""))])
        if CUSTOM_JOB_LAUNCHER in _words(container, "command"):
            continue
        if imported.startswith("google.") or any(word in text for word in _OF_GOOGLE):
            yield name.removeprefix("exec-")


def _words(container: JsonObject, name: str) -> list[str]:
    words = container.get(name)
    return [str(word) for word in words] if isinstance(words, list) else []
