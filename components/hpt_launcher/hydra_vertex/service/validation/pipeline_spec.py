"""Refuses what kfp.local does not run as Vertex Pipelines does. Pure; every message starts with the path of the field.

Source: kfp's pipeline_spec.proto. kfp.local omits a condition on an output of a container component, gives the tasks in
a loop wrong values, and does not run an exit handler after a failed step of this service.
"""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.protocol.json import Json, JsonObject

from .refusals import invalid, unimplemented

_EXIT_HANDLER = "ALL_UPSTREAM_TASKS_COMPLETED"


def validate_graphs(spec: JsonObject) -> None:
    """Raises Refusal for a task that this service cannot run, and for a pipeline without tasks."""
    if not object_at(spec, "root", "dag", "tasks"):
        invalid("pipelineSpec.root.dag.tasks", "is empty; expected the tasks of a pipeline")
    for path, task in _tasks(spec):
        if object_at(task, "triggerPolicy").get("condition"):
            unimplemented(f"{path}.triggerPolicy.condition", "conditions (dsl.If)")
        if object_at(task, "triggerPolicy").get("strategy") == _EXIT_HANDLER:
            unimplemented(f"{path}.triggerPolicy.strategy", "exit handlers (dsl.ExitHandler)")
        for name in ("parameterIterator", "artifactIterator"):
            if name in task:
                unimplemented(f"{path}.{name}", "loops (dsl.ParallelFor)")


def object_at(value: Json, *path: str) -> JsonObject:
    """Return the object at `path`, or an empty object when the document has none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _tasks(spec: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield the path and the document of each task of all graphs."""
    graphs = {"pipelineSpec.root": object_at(spec, "root")}
    for name, component in object_at(spec, "components").items():
        graphs[f"pipelineSpec.components.{name}"] = object_at(component)
    for path, graph in graphs.items():
        for name, task in object_at(graph, "dag", "tasks").items():
            yield f"{path}.dag.tasks.{name}", object_at(task)
