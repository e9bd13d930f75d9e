"""The parts of kfp.local that are replaced while a pipeline runs on this machine.

kfp's SubprocessRunner refuses container components, knows no project and no location, and names a run's folder after
the time. Everything else (the order of the steps, artifacts, outputs) is kfp's.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from .kfp_faults import corrections
from .steps import Step

CUSTOM_JOB_LAUNCHER = "google_cloud_pipeline_components.container.v1.custom_job.launcher"
"""The program of a step that Vertex AI runs as a CustomJob. On this machine the job's own command is run."""
_ESCAPED_INPUT, _INPUT = "{{$.json_escape[1]}}", "{{$}}"
_EMPTY_HERE = (
    *("{{$.pipeline_service_account}}", "{{$.pipeline_network}}"),
    *("{{$.pipeline_persistent_resource_id}}", "{{$.pipeline_encryption_key_name}}"),
)
"""Placeholders of what a pipeline on this machine does not have."""

RunStep = Callable[[Step], bool]
"""Runs a step, and returns whether it has succeeded."""


@dataclass(frozen=True, slots=True)
class PipelineIdentity:
    """What a pipeline's placeholders stand for. `folder` is the name of its folder; empty for one with the time."""

    project: str
    location: str
    folder: str = ""
    name: str = ""
    """The pipeline job's resource name; empty for a pipeline without a job."""

    def placeholders(self) -> Mapping[str, str]:
        """Return the values of the placeholders that kfp does not know, as Vertex Pipelines gives them.

        Source: google_cloud_pipeline_components, `_placeholders.py`, and kfp's `dsl`.
        """
        return {
            "{{$.pipeline_google_cloud_project_id}}": self.project,
            "{{$.pipeline_google_cloud_location}}": self.location,
            "{{$.pipeline_job_resource_name}}": self.name,
            **dict.fromkeys(_EMPTY_HERE, ""),
        }


@dataclass(frozen=True, slots=True)
class TuningPlace:
    """Where a tuning step without an endpoint tunes, and the folder for its trials' outputs. Empty changes nothing."""

    endpoint: str = ""
    study_root: str = ""

    def fill(self, parameters: dict[str, Any]) -> None:
        """Set the parameters of a tuning step that are empty, unless its `engine` serves in the step itself."""
        if parameters.get("engine"):
            return
        if self.endpoint:
            parameters["api_endpoint"] = parameters.get("api_endpoint") or self.endpoint
        if self.study_root:
            parameters["study_root"] = parameters.get("study_root") or self.study_root


@contextlib.contextmanager
def kfp_patched(identity: PipelineIdentity, place: TuningPlace, run_step: RunStep) -> Iterator[None]:
    """Let kfp run the steps by `run_step`, and tuning steps tune at a place."""
    from kfp.local import executor_input_utils, placeholder_utils, status, subprocess_task_handler

    original = subprocess_task_handler.SubprocessTaskHandler
    replace_placeholders = placeholder_utils.replace_placeholders
    # A loop's bodies run in threads.
    current = threading.local()

    def replaced(full_command: list[str], executor_input_dict: dict[str, Any], **names: Any) -> Any:
        known = identity.placeholders()
        given = _filled(executor_input_dict, known)
        if Step.is_tune(full_command):
            place.fill(given["inputs"]["parameterValues"])
        image = ""
        if CUSTOM_JOB_LAUNCHER in full_command:
            full_command, image = _wrapped_command(given)
        current.step = (names["task_resource_name"], given["outputs"]["outputFile"], names["pipeline_root"], image)
        command = [_filled(word, known) for word in full_command]
        return replace_placeholders(full_command=command, executor_input_dict=given, **names)

    class ContainerCommandHandler(original):  # type: ignore[misc,valid-type] # kfp has no types
        """Runs the container's command with this environment's interpreter instead of the image's."""

        def validate_image(self, image: str) -> None:
            """Accept any image: no container is started."""

        def validate_not_container_component(self, full_command: list[str]) -> None:
            """Accept container components: this handler runs them."""

        def validate_not_containerized_python_component(self, full_command: list[str]) -> None:
            """Accept containerized Python components."""

        def run(self) -> Any:
            """Run the step and return its status."""
            component, output_file, root, image = current.step
            name = _step_name(output_file, root)
            command = tuple(self.full_command)
            step = Step(name, command, self.env_vars, output_file, component, image or self.image)
            return status.Status.SUCCESS if run_step(step) else status.Status.FAILURE

    replacements: list[tuple[Any, str, Any]] = [
        *corrections(),
        (subprocess_task_handler, "SubprocessTaskHandler", ContainerCommandHandler),
        (placeholder_utils, "replace_placeholders", replaced),
    ]
    if identity.folder:
        replacements += [(executor_input_utils, "get_local_pipeline_resource_name", lambda _name: identity.folder)]
    with _replaced(replacements):
        yield


def _step_name(output_file: str, root: str) -> str:
    """Return the path of a step's folder in the folder of the run."""
    return "/".join(PurePath(output_file).parent.relative_to(root).parts[1:])


def _wrapped_command(given: dict[str, Any]) -> tuple[list[str], str]:
    """Return command and image of a component that `create_custom_training_job_from_component` has made a CustomJob.

    The specification of its machines is removed from the step's input, which the component does not read.
    """
    pools = given["inputs"]["parameterValues"].pop("worker_pool_specs")
    container = pools[0]["container_spec"]
    words = [*container.get("command", []), *container.get("args", [])]
    return [_INPUT if word == _ESCAPED_INPUT else word for word in words], str(container.get("image_uri", ""))


def _filled(value: Any, placeholders: Mapping[str, str]) -> Any:
    """Return JSON with the placeholders in its texts replaced."""
    if isinstance(value, str):
        for name, text in placeholders.items():
            value = value.replace(name, text)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(item, placeholders) for key, item in value.items()}
    return [_filled(item, placeholders) for item in value] if isinstance(value, list) else value


@contextlib.contextmanager
def _replaced(replacements: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    before = [(owner, name, inspect.getattr_static(owner, name)) for owner, name, _ in replacements]
    for owner, name, value in replacements:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
