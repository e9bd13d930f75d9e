"""JobService and PipelineService v1 over HTTP: the routes, request and response bodies and error codes of `operations`.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.service.access.gate import Gate
from hydra_vertex.service.resource_names import JobKind
from hydra_vertex.service.status import Refusal, Status

from .error_answer import ErrorAnswer, answer_to, sendable
from .listing import LIST_FIELDS, PIPELINE_LIST_FIELDS, camel
from .operations import Operations
from .request_body import parse_body, read_body
from .request_guard import Guard
from .request_threads import in_thread

PLACE = "/projects/{project}/locations/{location}"
LOCATION = f"/v1{PLACE}"
OPERATION_PREFIXES = ("/v1", "/ui")
"""Google's generated client requests operations below /ui, the first of the paths that the API defines for them."""
SYSTEM_PARAMETERS = {
    *("$.xgafv", "$alt", "$callback", "$fields", "$key", "$outputDefaults", "$prettyPrint", "$uploadProtocol"),
    *("$userProject", "access_token", "alt", "callback", "fields", "key", "oauth_token", "prettyPrint", "quotaUser"),
    *("uploadType", "upload_protocol", "userIp"),
}
"""Parameters for Google's front end, which every method of its APIs accepts; the service ignores them.

Source: https://cloud.google.com/apis/docs/system-parameters.
"""
PIPELINE_ID = "pipelineJobId"
ID_FIELDS = (PIPELINE_ID,)
MACHINE_USE_FIELDS = ("points",)
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(lifespan: Lifespan, gate: Gate) -> Starlette:
    """Return the ASGI application. `lifespan` must set `app.state.operations`; `gate` decides who may use it."""
    handlers: dict[type[Exception] | int, ExceptionHandler] = {
        Refusal: _failed,
        DocumentError: _failed,
        HTTPException: _no_such_route,
        OSError: _short_of_resources,
        Exception: _failed,
    }
    app = Starlette(
        routes=[
            *job_routes(JobKind.TUNING),
            *job_routes(JobKind.CUSTOM),
            *job_routes(JobKind.PIPELINE),
            *trial_routes(),
            *(Route(f"/storage/v1/b{end}", refuse_bucket, methods=["GET", "POST"]) for end in ("", "/{bucket}")),
            *(
                Route(f"{prefix}{PLACE}/operations/{{id}}{end}", get_operation, methods=[verb])
                for prefix in OPERATION_PREFIXES
                for verb, end in (("POST", ":wait"), ("GET", ""))
            ),
        ],
        middleware=[Middleware(Guard, gate=gate)],
        exception_handlers=handlers,
        lifespan=lifespan,
    )
    # A path with a trailing slash is not a path of the API: it must get an error in Google's format, not a redirect.
    app.router.redirect_slashes = False
    return app


def job_routes(kind: JobKind) -> list[Route]:
    """Return the routes of the five methods that each kind of job has, and that of the embedded service's own."""
    jobs = f"{LOCATION}/{kind.value}"
    list_fields = PIPELINE_LIST_FIELDS if kind is JobKind.PIPELINE else LIST_FIELDS

    async def create(request: Request) -> Response:
        given_id = str(_query(request, ID_FIELDS if kind is JobKind.PIPELINE else ()).get(PIPELINE_ID, ""))
        read = partial(parse_body, await read_body(request))
        return _answer(await _operations(request).create(kind, _parent(request), read, given_id))

    async def list_page(request: Request) -> Response:
        page = await _operations(request).list(kind, _parent(request), _query(request, list_fields))
        return await in_thread(_answer, page)

    async def get(request: Request) -> Response:
        _query(request)
        return Response(_operations(request).text(kind, _name(request, kind)), media_type="application/json")

    async def cancel(request: Request) -> Response:
        _query(request)
        await _operations(request).cancel(kind, _name(request, kind))
        return _answer({})

    async def delete(request: Request) -> Response:
        _query(request)
        return _answer(await _operations(request).delete(kind, _name(request, kind)))

    async def machine_use(request: Request) -> Response:
        fields = _query(request, MACHINE_USE_FIELDS)
        use = await _operations(request).machine_use(_name(request, kind), fields)
        return await in_thread(_answer, use)

    own: list[tuple[str, str, Endpoint]] = [("GET", f"{jobs}/{{id}}:machineUse", machine_use)]
    methods: list[tuple[str, str, Endpoint]] = [
        *(own if kind is JobKind.TUNING else ()),
        ("POST", jobs, create),
        ("GET", jobs, list_page),
        ("POST", f"{jobs}/{{id}}:cancel", cancel),
        ("GET", f"{jobs}/{{id}}", get),
        ("DELETE", f"{jobs}/{{id}}", delete),
    ]
    return [Route(path, endpoint, methods=[verb]) for verb, path, endpoint in methods]


def trial_routes() -> list[Route]:
    """Return the routes of the methods of a trial, which Google's API does not have."""
    trial = f"{LOCATION}/{JobKind.TUNING.value}/{{id}}/trials/{{trial}}"

    async def stop(request: Request) -> Response:
        _query(request)
        await _operations(request).stop_trial(_name(request, JobKind.TUNING), request.path_params["trial"])
        return _answer({})

    async def log(request: Request) -> Response:
        _query(request)
        name = _name(request, JobKind.TUNING)
        return _answer(await _operations(request).trial_log(name, request.path_params["trial"]))

    return [Route(f"{trial}:stop", stop, methods=["POST"]), Route(f"{trial}:log", log, methods=["GET"])]


async def refuse_bucket(request: Request) -> Response:
    """Refuse a request for Cloud Storage, which Google's SDK asks when a pipeline job is submitted.

    It comes here when STORAGE_EMULATOR_HOST is the service's address. The SDK logs the answer, and goes on. Raises
    Refusal (NOT_FOUND).
    """
    bucket = request.path_params.get("bucket", "BUCKET")
    raise Refusal(Status.NOT_FOUND, f"gs://{bucket} is a folder of this service, which has no buckets and needs none")


async def get_operation(request: Request) -> Response:
    """Answer GetOperation and WaitOperation, which are the same because all operations are done."""
    return _answer(_operations(request).get_operation(f"{_parent(request)}/operations/{request.path_params['id']}"))


def _query(request: Request, known: Collection[str] = ()) -> dict[str, Json]:
    """Return the query parameters of a request, with names in camelCase.

    Raises Refusal (INVALID_ARGUMENT) for a parameter that is not in `known`, and for one that is given twice.
    """
    given: dict[str, Json] = {}
    for written, value in request.query_params.multi_items():
        name = camel(written)
        if written in SYSTEM_PARAMETERS:
            continue
        if name not in known:
            takes = f"takes {', '.join(sorted(known))}" if known else "takes no parameters"
            _refuse(name, f"is not a query parameter of this method, which {takes}")
        if name in given:
            _refuse(name, "is given more than once")
        given[name] = value
    return given


def _refuse(name: str, problem: str) -> NoReturn:
    raise Refusal(Status.INVALID_ARGUMENT, f"{name}: {problem}", name)


def _operations(request: Request) -> Operations:
    operations = request.app.state.operations
    assert isinstance(operations, Operations)  # noqa: S101 - set by the lifespan
    return operations


def _parent(request: Request) -> str:
    return f"projects/{request.path_params['project']}/locations/{request.path_params['location']}"


def _name(request: Request, kind: JobKind) -> str:
    return f"{_parent(request)}/{kind.value}/{request.path_params['id']}"


def _answer(document: JsonObject, http_code: int = 200) -> Response:
    return Response(json.dumps(document), http_code, media_type="application/json")


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    kinds = ", ".join(kind.value for kind in JobKind)
    message = sendable(f"{_named(request)}: the embedded service has only {LOCATION}/ with {kinds}")
    return _answer(ErrorAnswer(Status.NOT_FOUND, message).body(error.status_code), error.status_code)


async def _short_of_resources(request: Request, error: Exception) -> Response:
    """Answer an error that is due to a shortage. Any other OSError is raised again, and logged as an internal error."""
    if not is_shortage(error):
        raise error
    return await _failed(request, error)


async def _failed(request: Request, error: Exception) -> Response:
    answer = answer_to(error, _named(request))
    return _answer(answer.body(), answer.status.http_code)


def _named(request: Request) -> str:
    return f"{request.method} {request.scope['path']}"
