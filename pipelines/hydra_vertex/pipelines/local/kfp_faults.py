"""Replacements for functions of kfp.local that give a step other inputs, or another folder, than a cluster does.

Each docstring names the fault. The faults were seen in kfp 2.17.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from .conditions import holds

Replacement = tuple[Any, str, Any]
"""An owner, the name of its attribute, and the new value."""

_CHANNEL = "pipelinechannel--"
_FAILED = "FAILED"


def corrections() -> list[Replacement]:
    """Return the replacements, for one run of a pipeline."""
    from kfp.local import executor_input_utils, io
    from kfp.local.orchestrator import enhanced_dag_orchestrator, orchestrator_utils, task_executor, task_spec_utils

    utils, evaluator = orchestrator_utils.OrchestratorUtils, enhanced_dag_orchestrator.ConditionEvaluator
    folders = _Folders(task_executor.execute_single_task, executor_input_utils.construct_local_task_root)
    loop, run_loop = "create_parameter_loop_iteration_task_spec", "_run_parallel_for_task"
    return [
        (task_executor, "execute_single_task", folders.execute),
        (executor_input_utils, "construct_local_task_root", folders.root),
        (executor_input_utils, "executor_input_to_dict", _without_absent(executor_input_utils.executor_input_to_dict)),
        (io.IOStore, "get_parent_input", _parent_input_or_output(io.IOStore.get_parent_input)),
        (evaluator, "evaluate_condition", staticmethod(_condition)),
        (enhanced_dag_orchestrator, run_loop, _with_status(getattr(enhanced_dag_orchestrator, run_loop))),
        (utils, "make_task_arguments", _present_arguments(utils.make_task_arguments)),
        (utils, "join_user_inputs_and_defaults", _with_present_defaults(utils.join_user_inputs_and_defaults)),
        (task_spec_utils, "build_nested_dag_arguments", _own_arguments(utils)),
        (task_spec_utils, loop, _with_other_inputs(getattr(task_spec_utils, loop))),
    ]


class _Folders:
    """Gives each task a folder of its own.

    kfp names a task's folder after its component, so that a second task of a component overwrites the outputs of the
    first, and a second tuning step would find the job of the first. Another attempt of a task keeps its folder.
    """

    def __init__(self, execute: Callable[..., Any], root: Callable[..., str]) -> None:
        self._execute = execute
        self._root = root
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._task = threading.local()

    def execute(self, **given: Any) -> Any:
        """Run a task."""
        key = (given["pipeline_resource_name"], given["task_spec"].component_ref.name)
        with self._lock:
            self._counts[key] += 1
            self._task.number = self._counts[key]
        return self._execute(**given)

    def root(self, *, task_resource_name: str, **given: Any) -> str:
        """Return the folder of the task that this thread runs."""
        number = getattr(self._task, "number", 1)
        name = task_resource_name if number == 1 else f"{task_resource_name}.{number}"
        return self._root(task_resource_name=name, **given)


def _without_absent(original: Callable[..., Any]) -> Callable[..., Any]:
    """Leave optional parameters without a value out; kfp fails for an absent whole number."""

    def to_dict(executor_input: Any, component_spec: Any) -> Any:
        values = executor_input.inputs.parameter_values
        for name in [name for name, value in values.items() if value.WhichOneof("kind") in (None, "null_value")]:
            del values[name]
        return original(executor_input=executor_input, component_spec=component_spec)

    return to_dict


def _parent_input_or_output(original: Callable[..., Any]) -> Callable[..., Any]:
    """Find the value of `pipelinechannel--TASK-OUTPUT`, which kfp finds only when the output's name is `Output`.

    Without it a `dsl.If` on a named output is skipped, and a `dsl.ParallelFor` over one fails.
    """

    def get_parent_input(self: Any, key: str) -> Any:
        name = key.removeprefix(_CHANNEL)
        for known in dict.fromkeys((key, name)):
            with contextlib.suppress(ValueError):
                return original(self, known)
        task, _, output = name.rpartition("-")
        return self.get_task_output(task, output)

    return get_parent_input


def _condition(condition: str, io_store: Any) -> bool:
    """Evaluate a condition by its values. kfp puts texts into the expression, and takes an error for False."""
    return holds(condition, io_store.get_parent_input)


def _present_arguments(original: Callable[..., Any]) -> Callable[..., Any]:
    """Leave arguments out that are None, as those of optional inputs of the pipeline; kfp fails for them.

    And those that a failed task would have given: a task with `ignore_upstream_failure` then has its own defaults.
    """

    def make_task_arguments(task_inputs_spec: Any, io_store: Any) -> dict[str, Any]:
        present = _without_failed(task_inputs_spec, io_store)
        return {name: value for name, value in original(present, io_store).items() if value is not None}

    return make_task_arguments


def _without_failed(inputs: Any, io_store: Any) -> Any:
    """Return the inputs of a task without those that are outputs of failed tasks."""
    kept = type(inputs)()
    kept.CopyFrom(inputs)
    for given, source in ((kept.parameters, "task_output_parameter"), (kept.artifacts, "task_output_artifact")):
        for name in list(given):
            if given[name].HasField(source) and _has_failed(getattr(given[name], source).producer_task, io_store):
                del given[name]
    return kept


def _has_failed(task: str, io_store: Any) -> bool:
    with contextlib.suppress(ValueError):
        return bool(io_store.get_task_status(task) == _FAILED)
    return False  # It was skipped, or is a task of a simple pipeline, which ends with the first failure.


def _with_status(original: Callable[..., bool]) -> Callable[..., bool]:
    """Note that a loop has failed, which kfp notes for all other tasks."""

    def run_loop(**given: Any) -> bool:
        has_failed = original(**given)
        if has_failed:
            given["io_store"].put_task_status(given["task_name"], _FAILED)
        return has_failed

    return run_loop


def _with_present_defaults(original: Callable[..., Any]) -> Callable[..., Any]:
    """Take None for an optional input without a default; kfp fails for it."""

    def join(dag_arguments: dict[str, Any], dag_inputs_spec: Any) -> dict[str, Any]:
        absent = {
            name: None
            for name, spec in dag_inputs_spec.parameters.items()
            if name not in dag_arguments and spec.default_value.WhichOneof("kind") is None
        }
        artifacts = {name: None for name in dag_inputs_spec.artifacts if name not in dag_arguments}
        joined = original(dag_arguments={**absent, **dag_arguments}, dag_inputs_spec=dag_inputs_spec)
        return {**artifacts, **joined}

    return join


def _own_arguments(utils: Any) -> Callable[..., Any]:
    """Give a nested pipeline its own arguments and defaults.

    kfp takes an input that is not given from an input of the outer pipeline with the same name, and gives a nested
    pipeline none of its artifacts when it has no parameters.
    """

    def build(task_name: str, task_spec: Any, component_spec: Any, io_store: Any) -> Any:  # noqa: ARG001 - kfp's call
        return utils.make_task_arguments(task_spec.inputs, io_store)

    return build


def _with_other_inputs(original: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the outputs of other tasks that the body of a loop takes; kfp puts the loop's item in their place."""

    def create(original_task_spec: Any, loop_item: Any, loop_task_name: str) -> Any:
        created = original(original_task_spec, loop_item, loop_task_name)
        item = original_task_spec.parameter_iterator.item_input
        for name, given in original_task_spec.inputs.parameters.items():
            if name != item and given.HasField("task_output_parameter"):
                created.inputs.parameters[name].CopyFrom(given)
        return created

    return create
