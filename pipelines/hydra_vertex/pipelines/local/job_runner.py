"""Runs one pipeline job of the embedded service: `python -m hydra_vertex.pipelines.local.job_runner ORDER`.

The order is described in `hydra_vertex.service.engine.pipeline_order`. The service starts this program and watches it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.pipelines.compiled_pipeline import object_at, read_pipeline
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import HydraVertexError, OutputError
from hydra_vertex.protocol.files import write_atomic
from hydra_vertex.protocol.json import Json, JsonObject

from .kfp_local import run_pipeline
from .kfp_patches import PipelineIdentity
from .steps import StepSettings
from .task_log import TaskLog

INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Run the pipeline of an order. Returns the exit code: 0 when it has succeeded."""
    try:
        _run(Path(argv[1]))
    except KeyboardInterrupt:
        return INTERRUPTED
    except HydraVertexError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except Exception as error:
        # kfp raises errors of many types for a pipeline that it cannot run.
        print(f"kfp cannot run the pipeline: {excerpt(f'{type(error).__name__}: {error}', 1000)}", file=sys.stderr)
        return 1
    return 0


def _run(order_file: Path) -> None:
    order = _order(order_file)
    folder, job = order_file.parent, str(order["job"])
    spec = order["spec"]
    file = folder / "pipeline.json"
    write_atomic(file, json.dumps(spec))
    cancel = Path(str(order["cancel"]))
    settings = StepSettings(observer=TaskLog(object_at(spec), Path(str(order["tasks"]))), is_cancelled=cancel.exists)
    run_pipeline(
        file,
        typed_arguments(object_at(order, "arguments"), read_pipeline(file).parameters),
        pipeline_root=Path(str(order["root"])),
        log=folder / "pipeline.log",
        identity=identity_of(job, str(order["folder"])),
        endpoint=_endpoint(Path(str(order["announcement"]))),
        settings=settings,
    )


def identity_of(job: str, folder: str) -> PipelineIdentity:
    """Return the identity of a pipeline job from its name, `projects/P/locations/L/pipelineJobs/ID`."""
    _, project, _, location, _, _ = job.split("/")
    return PipelineIdentity(project, location, folder=folder, name=job)


def typed_arguments(arguments: JsonObject, parameters: JsonObject) -> dict[str, Json]:
    """Return the arguments with whole numbers as int: in a Struct every number is a double."""
    return {name: _typed(value, object_at(parameters, name)) for name, value in arguments.items()}


def _typed(value: Json, definition: JsonObject) -> Json:
    is_whole = definition.get("parameterType") == "NUMBER_INTEGER" and isinstance(value, float) and value.is_integer()
    return int(value) if is_whole and isinstance(value, float) else value


def _order(file: Path) -> dict[str, Any]:
    order = json.loads(file.read_bytes())
    if not isinstance(order, Mapping):
        raise OutputError(f"{file}: not the order of a pipeline job")
    return dict(order)


def _endpoint(announcement: Path) -> str:
    """Return the URL of the service. It is read at the start of the run: a later service may have another port."""
    found = json.loads(announcement.read_bytes())
    if not isinstance(found, Mapping) or "url" not in found:
        raise OutputError(f"{announcement}: does not name a service")
    return str(found["url"])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
