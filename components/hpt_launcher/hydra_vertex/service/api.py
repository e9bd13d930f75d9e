"""JobService v1 over HTTP: the routes of hyperparameterTuningJobs, Google's documents in and out.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import islice

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from hydra_vertex.launcher.job import parse_job
from hydra_vertex.trial.protocol import json
from hydra_vertex.trial.protocol.errors import DocumentError
from hydra_vertex.trial.protocol.json import JsonObject

from .engine import COLLECTION, Engine
from .guard import LoopbackGuard, read_body
from .listing import masked, parse_list_request
from .status import Refusal, Status, error_body

PARENT = "/v1/projects/{project}/locations/{location}"
JOBS = f"{PARENT}/{COLLECTION}"
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def create_app(lifespan: Lifespan) -> Starlette:
    """The application. `lifespan` puts an Engine into `app.state.engine`."""
    routes = [
        Route(JOBS, create_job, methods=["POST"]),
        Route(JOBS, list_jobs, methods=["GET"]),
        Route(f"{JOBS}/{{job}}:cancel", cancel_job, methods=["POST"]),
        Route(f"{JOBS}/{{job}}", get_job, methods=["GET"]),
        Route(f"{JOBS}/{{job}}", delete_job, methods=["DELETE"]),
    ]
    handlers: dict[type[Exception] | int, ExceptionHandler] = {
        Refusal: _refused,
        DocumentError: _malformed,
        HTTPException: _no_such_route,
        Exception: _failed,
    }
    return Starlette(
        routes=routes, middleware=[Middleware(LoopbackGuard)], exception_handlers=handlers, lifespan=lifespan
    )


async def create_job(request: Request) -> Response:
    """Create a job; answered when it is recorded."""
    body = await read_body(request)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(Status.INVALID_ARGUMENT, f"the request's body is not JSON: {error}") from error
    return _answer(_engine(request).create(_parent(request), parse_job(document)))


async def get_job(request: Request) -> Response:
    """The job, with all of its trials."""
    text = _engine(request).text(_parent(request), request.path_params["job"])
    return Response(text, media_type="application/json")


async def list_jobs(request: Request) -> Response:
    """A page of jobs, newest first, without their trials: one of them may have a thousand."""
    wanted = parse_list_request(request.query_params)
    engine, parent = _engine(request), _parent(request)
    found = (pair for pair in engine.jobs(parent, wanted.before) if wanted.matches(pair[1]))
    page = list(islice(found, wanted.page_size))
    jobs = [masked(document, wanted.fields) for _, document in page]
    is_last = len(page) < wanted.page_size or next(found, None) is None
    token = {} if is_last else {"nextPageToken": str(page[-1][0])}
    return _answer({"hyperparameterTuningJobs": jobs, **token})


async def cancel_job(request: Request) -> Response:
    """Ask for the end of a job."""
    _engine(request).cancel(_parent(request), request.path_params["job"])
    return _answer({})


async def delete_job(request: Request) -> Response:
    """Delete a job that has ended: a long-running operation that is done at once."""
    parent, job_id = _parent(request), request.path_params["job"]
    _engine(request).delete(parent, job_id)
    operation: JsonObject = {
        "name": f"{parent}/operations/delete-{job_id}",
        "done": True,
        "metadata": {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.DeleteOperationMetadata"},
        "response": {"@type": "type.googleapis.com/google.protobuf.Empty"},
    }
    return _answer(operation)


def _engine(request: Request) -> Engine:
    engine = request.app.state.engine
    assert isinstance(engine, Engine)  # noqa: S101 - the lifespan puts it there
    return engine


def _parent(request: Request) -> str:
    return f"projects/{request.path_params['project']}/locations/{request.path_params['location']}"


def _answer(document: JsonObject, http_code: int = 200) -> Response:
    return Response(json.dumps(document), http_code, media_type="application/json")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for it
    return _answer(error_body(error.status, str(error)), error.status.http_code)


async def _malformed(_request: Request, error: Exception) -> Response:
    status = Status.INVALID_ARGUMENT
    return _answer(error_body(status, str(error)), status.http_code)


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    message = f"{request.method} {request.url.path}: the embedded service has {JOBS} alone"
    return _answer(error_body(Status.NOT_FOUND, message, error.status_code), error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    status = Status.INTERNAL
    message = f"{request.method} {request.url.path} failed ({type(error).__name__}: {error}); see the service's log"
    return _answer(error_body(status, message), status.http_code)
