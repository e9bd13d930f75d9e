"""Runs a pipeline of a user's own on this machine, with a tuning service if a step needs one."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.pipelines.compiled_pipeline import CompiledPipeline, object_at, read_pipeline
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE
from hydra_vertex.protocol.variables import variable_set
from hydra_vertex.service.devices.resource_options import DEFAULT_RESOURCES, ResourceOptions
from hydra_vertex.service.trials.engines.options import THIS_MACHINE_OPTIONS, EngineOptions

from .kfp_local import LocalRun, run_pipeline
from .run_folder import RunFolder
from .runnable import has_tuning_step, require_runnable
from .steps import StepSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE_START_LIMIT_S = 60.0
_PLACEHOLDER = "{{$"
_BOOLEANS = {"true": True, "false": False}


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _strict_json(text: str) -> Json:
    """Parse JSON text, without the NaN and the infinities that Python's parser takes and KFP cannot send."""
    value = json.loads(text)
    json.dumps(value)
    return value


_PARSERS: Mapping[str, tuple[Callable[[str], Json], type, str]] = {
    "BOOLEAN": (lambda text: _BOOLEANS[text.lower()], bool, "true or false"),
    "NUMBER_INTEGER": (int, int, "a whole number"),
    "NUMBER_DOUBLE": (_finite, float, "a finite number"),
    "LIST": (_strict_json, list, "a JSON array"),
    "STRUCT": (_strict_json, dict, "a JSON object"),
}
"""How the text of an argument is parsed: the function, the type of its result, and what is expected."""


def run_own_pipeline(
    file: Path,
    arguments: Mapping[str, Json],
    folder: Path,
    resources: ResourceOptions = DEFAULT_RESOURCES,
    engine: EngineOptions = THIS_MACHINE_OPTIONS,
) -> LocalRun:
    """Run a compiled pipeline (.json or .yaml) on this machine; its steps may be ours, `@dsl.component` or others.

    Everything is written into `folder`, which must be empty or not exist. A step without an endpoint of its own tunes
    with a service that runs as long as the pipeline, with the limits of `resources`; `engine` runs its trials.
    `dsl.If`, `dsl.ParallelFor`, `dsl.ExitHandler`, nested pipelines and retries are executed as on a cluster; one step
    runs at a time, and two in a loop.

    Raises UserError when the arguments do not fit the pipeline or a part of it cannot run here, before its first step;
    OutputError for the folder and for a file that is no pipeline; StepFailed for the first step that has failed;
    ServiceError; KeyboardInterrupt after Ctrl-C and SIGTERM, when the running step has ended.
    """
    pipeline = read_pipeline(file)
    pipeline.check_arguments(arguments)
    require_runnable(pipeline)
    _require_trials(pipeline, resources, engine)
    own = RunFolder(folder.absolute())
    _claim(own.path)
    with _tuning_service(pipeline, own, resources, engine) as endpoint:
        return run_pipeline(
            file,
            arguments,
            pipeline_root=own.pipeline_root,
            log=own.log("pipeline"),
            endpoint=endpoint,
            study_root=str(own.studies / "outputs") if endpoint else "",
            settings=StepSettings(goes_on=True),
        )


def _require_trials(pipeline: CompiledPipeline, resources: ResourceOptions, engine: EngineOptions) -> None:
    """Check that there are trials when an option is about them. Raises UserError."""
    about = [*([] if engine.is_this_machine else [f"--engine {engine.name}"]), *resources.to_arguments()]
    if about and not has_tuning_step(pipeline):
        raise UserError(f"{about[0]}: no step of {pipeline.file} tunes, so there are no trials; leave it out")


def kubernetes_steps(file: Path) -> tuple[str, ...]:
    """Return the steps of a .yaml file with settings of Kubernetes, which have no effect on this machine.

    kfp-kubernetes has them in a second document of the file.
    """
    if file.suffix == ".json":
        return ()
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    found = [object_at(each, "platforms", "kubernetes", "deploymentSpec", "executors") for each in documents[1:]]
    return tuple(label.removeprefix("exec-") for executors in found for label in executors)


def arguments_of(file: Path, texts: Sequence[str]) -> dict[str, Json]:
    """Parse arguments `NAME=VALUE` by the types of the pipeline's parameters. Raises UserError naming the argument.

    A text is taken as it is; lists and mappings are JSON.
    """
    pipeline = read_pipeline(file)
    given: dict[str, Json] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UserError(f"{excerpt(text)}: expected NAME=VALUE, an argument of the pipeline")
        if name in given:
            raise UserError(f"{name}: is given twice; leave one of them out")
        if _PLACEHOLDER in value:
            raise UserError(
                f"{excerpt(text)}: KFP takes {_PLACEHOLDER} for the beginning of a placeholder, which an argument "
                "cannot have; leave it out"
            )
        given[name] = _typed(name, value, object_at(pipeline.parameters, name))
    pipeline.check_arguments(given)
    return given


def _typed(name: str, text: str, definition: JsonObject) -> Json:
    kind = str(definition.get("parameterType", "STRING"))
    if kind not in _PARSERS:
        return text
    parse, type_, wanted = _PARSERS[kind]
    try:
        value = parse(text)
    except (ValueError, KeyError):
        value = None
    if not isinstance(value, type_):
        raise UserError(f"{name}={excerpt(text)}: the parameter is of type {kind}, expected {wanted}")
    return value


def _claim(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputError(f"{folder}: is not empty; give a new folder, as a pipeline is run from its start")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be used ({error.strerror}); give another folder") from error


@contextlib.contextmanager
def _tuning_service(
    pipeline: CompiledPipeline, folder: RunFolder, resources: ResourceOptions, engine: EngineOptions
) -> Iterator[str]:
    """Run a tuning service for the block, and yield its URL; an empty text when no step of the pipeline tunes."""
    if not has_tuning_step(pipeline):
        yield ""
        return
    from hydra_vertex.service.start import start_service

    service = start_service(
        folder.studies,
        folder.log("service"),
        SERVICE_START_LIMIT_S,
        resources=resources,
        engine=engine,
    )
    with service, variable_set(TOKEN_FILE_VARIABLE, str(service.token_file)):
        yield service.url
