"""The tuning service that the tuning step starts itself, whose trials are Jobs of the step's namespace."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hydra_vertex.launcher.decisions import DETACH
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import ExecutorInput
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE
from hydra_vertex.protocol.variables import variable_set

from .tune_input import run_id

ENGINE = "kubernetes"
"""The engine that a step of a pipeline can start: the others need a machine of their own."""

STEP_LABEL = "hydra-vertex-step"
"""The label of every Job that the step starts: the id of the step's run, which a retry of the step has too."""

START_LIMIT_S = 120.0
_KEYS = ("name", "settings", "folder")
_NEVER_WITH_ENGINE = ("api_endpoint", "capacity_ladder", "existing_job")


@dataclass(frozen=True, slots=True)
class StepEngine:
    """The engine of the step's own service, and the service's folder; an empty folder is one of this Pod only."""

    settings: Mapping[str, Json] = field(default_factory=dict)
    folder: str = ""


def step_engine(given: ExecutorInput) -> StepEngine | None:
    """Return the engine of the parameter `engine`; None when the step uses a service that exists.

    The parameter is the engine's name, or a JSON object with `name`, `settings` (the keys of the engine's config file)
    and `folder`. Raises DocumentError for anything else, and together with what such a service does not have.
    """
    text = given.text("engine").strip()
    if not text:
        return None
    engine = _parsed(text)
    for name in _NEVER_WITH_ENGINE:
        if given.text(name).strip():
            raise DocumentError(name, f"is given, and engine is {ENGINE}, with which the step has its own service")
    if given.text("on_stop") == DETACH:
        raise DocumentError("on_stop", f"is {DETACH!r}, and engine is {ENGINE}, whose service ends with the step")
    return engine


def _parsed(text: str) -> StepEngine:
    document = _document(text)
    unknown = sorted(set(document) - set(_KEYS))
    if unknown:
        raise DocumentError(f"engine.{unknown[0]}", f"unknown key; the keys are {', '.join(_KEYS)}")
    if document.get("name") != ENGINE:
        raise DocumentError(
            "engine.name", f"a step of a pipeline can start {ENGINE} only, got {document.get('name')!r}"
        )
    settings, folder = document.get("settings", {}), document.get("folder", "")
    if not isinstance(settings, dict):
        raise DocumentError("engine.settings", f"expected a JSON object, got {settings!r:.100}")
    require_no_step_label(settings)
    if not isinstance(folder, str) or (folder and not folder.startswith("/")):
        raise DocumentError("engine.folder", f"expected an absolute path in the container, got {folder!r:.100}")
    return StepEngine(settings, folder)


def require_no_step_label(settings: JsonObject) -> None:
    """Raise DocumentError for the label that the step sets itself; the settings may be of any other form."""
    template = settings.get("podTemplate")
    metadata = template.get("metadata") if isinstance(template, Mapping) else None
    for path, part in (("labels", settings), ("podTemplate.metadata.labels", metadata)):
        labels = part.get("labels") if isinstance(part, Mapping) else None
        if isinstance(labels, Mapping) and STEP_LABEL in labels:
            raise DocumentError(f"engine.settings.{path}.{STEP_LABEL}", "the step sets it itself; leave it out")


def _document(text: str) -> JsonObject:
    if not text.startswith("{"):
        return {"name": text}
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DocumentError("engine", f"not JSON ({error}): {text!r:.200}") from error
    return document if isinstance(document, dict) else {}


@contextmanager
def own_service(given: ExecutorInput, engine: StepEngine) -> Iterator[ExecutorInput]:
    """Serve while the block runs, and yield the step's input with the service as its endpoint.

    At the end the service has ended its trials. A folder without a study means that an earlier start of this step, if
    there was one, is lost: its Jobs are deleted. Raises as `start_service` does.
    """
    from hydra_vertex.service.start import start_service
    from hydra_vertex.service.trials.engines.options import EngineOptions

    run = run_id(given)
    settings = {**engine.settings, "labels": _labels(engine.settings, run)}
    settings.setdefault("owner", _owner(os.environ))
    folder = Path(engine.folder or Path(tempfile.gettempdir(), "hydra-vertex")) / run
    if not (folder / "service.db").exists():
        _remove_earlier(settings, run)
    log = folder / "service.log"
    _say(f"serving in {folder}; trials are Jobs with the label {STEP_LABEL}={run}")
    with (
        start_service(folder, log, START_LIMIT_S, engine=EngineOptions(ENGINE, settings)) as service,
        variable_set(TOKEN_FILE_VARIABLE, str(service.token_file)),
    ):
        yield replace(given, parameters={**given.parameters, "api_endpoint": service.url})


def _labels(settings: Mapping[str, Json], run: str) -> Json:
    given = settings.get("labels") or {}
    # What is no mapping is refused by the engine, by name.
    return {**given, STEP_LABEL: run} if isinstance(given, Mapping) else given


def _owner(environ: Mapping[str, str]) -> Json:
    """Return the owner of the Jobs: this Pod. Its host name is cut off at 63 characters, so KFP's variable is first."""
    name = environ.get("KFP_POD_NAME") or environ.get("HOSTNAME", "")
    return {"kind": "Pod", "name": name} if name else "auto"


def _remove_earlier(settings: JsonObject, run: str) -> None:
    from hydra_vertex.service.trials.engines.kubernetes.labelled_jobs import remove_labelled_jobs

    for name in remove_labelled_jobs(settings, f"{STEP_LABEL}={run}"):
        _say(f"the Job {name} of an earlier start of this step is deleted")


def _say(text: str) -> None:
    print(f"tune: {text}", file=sys.stderr, flush=True)
