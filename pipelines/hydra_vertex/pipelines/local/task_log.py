"""Keeps the states of a pipeline's tasks in a file, as `PipelineTaskDetail`s, for the service that started the run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from hydra_vertex.job import JobError
from hydra_vertex.job.pipeline_job import PipelineTask, TaskState, dump_task
from hydra_vertex.pipelines.compiled_pipeline import object_at
from hydra_vertex.protocol import json
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json, JsonObject

_COMPONENT_PREFIX = "comp-"
_UNKNOWN = 2
"""google.rpc.Code of a step that ended with an exit code other than 0."""


class TaskLog:
    """The tasks of one run. Tasks of nested pipelines are added when they start."""

    def __init__(self, spec: JsonObject, file: Path) -> None:
        """Write the tasks of the pipeline's own graph, all of them waiting. Raises OSError."""
        self._file = file
        self._ids = itertools.count(1)
        self._tasks: dict[int, PipelineTask] = {}
        self._components: dict[int, str] = {}
        for component, name in _own_tasks(spec):
            self._add(component, name)
        self._write()

    def started(self, step: str) -> None:
        """Record that the next waiting task of the component `step` runs."""
        waiting = [key for key in self._of(step) if self._tasks[key].state is TaskState.PENDING]
        key = waiting[0] if waiting else self._add(step, step)
        self._tasks[key] = replace(self._tasks[key], state=TaskState.RUNNING, start_time=_now())
        self._write()

    def ended(self, step: str, error: str) -> None:
        """Record that the running task of the component `step` has ended; `error` is empty when it succeeded."""
        for key in self._of(step):
            if self._tasks[key].state is TaskState.RUNNING:
                state = TaskState.FAILED if error else TaskState.SUCCEEDED
                problem = JobError(_UNKNOWN, error) if error else None
                self._tasks[key] = replace(self._tasks[key], state=state, end_time=_now(), error=problem)
        self._write()

    def _of(self, component: str) -> list[int]:
        return [key for key, name in self._components.items() if name == component]

    def _add(self, component: str, name: str) -> int:
        key = next(self._ids)
        self._tasks[key] = PipelineTask(key, name, create_time=_now())
        self._components[key] = component
        return key

    def _write(self) -> None:
        documents: list[Json] = [dump_task(task) for task in self._tasks.values()]
        write_atomic(self._file, json.dumps(documents))


def _own_tasks(spec: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield the component and the name of each task of the root's graph that is one step."""
    components = object_at(spec, "components")
    for name, task in object_at(spec, "root", "dag", "tasks").items():
        component = str(object_at(task, "componentRef").get("name", ""))
        if "executorLabel" in object_at(components, component):
            shown = object_at(task, "taskInfo").get("name") if isinstance(task, Mapping) else None
            yield component.removeprefix(_COMPONENT_PREFIX), str(shown or name)


def _now() -> datetime:
    return datetime.now(timezone.utc)
