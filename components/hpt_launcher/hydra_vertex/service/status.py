"""Google's error model: canonical statuses, their HTTP codes, and the JSON body of an error.

Source: https://cloud.google.com/apis/design/errors, google/rpc/code.proto and google/rpc/error_details.proto.
"""

from __future__ import annotations

from enum import Enum

from hydra_vertex.protocol.errors import ServiceError
from hydra_vertex.protocol.json import Json, JsonObject


class Status(Enum):
    """The canonical statuses that the service uses. A value is (google.rpc.Code, HTTP status code)."""

    CANCELLED = (1, 499)
    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    FAILED_PRECONDITION = (9, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    UNAUTHENTICATED = (16, 401)

    @property
    def rpc_code(self) -> int:
        """The number of `google.rpc.Code`, as in a job's `error.code`."""
        return self.value[0]

    @property
    def http_code(self) -> int:
        """The HTTP status code of the status."""
        return self.value[1]


class Refusal(ServiceError):  # noqa: N818 - the request is wrong, the service is not
    """The service refuses a request. The message states the reason and what is allowed.

    `field` is the path of the wrong field of the request; empty when no field is wrong.
    """

    def __init__(self, status: Status, message: str, field: str = "") -> None:
        self.status = status
        self.field = field
        super().__init__(message)


def error_details(message: str, field: str) -> list[Json]:
    """Return the details of an error: a google.rpc.BadRequest that names `field`, or nothing when it is empty."""
    if not field:
        return []
    violation: JsonObject = {"field": field, "description": message.removeprefix(f"{field}: ")}
    return [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]


def error_body(status: Status, message: str, http_code: int | None = None, field: str = "") -> JsonObject:
    """Return the JSON body of an error response. `http_code` None means the status's own code."""
    details = error_details(message, field)
    error: JsonObject = {
        "code": http_code or status.http_code,
        "message": message,
        "status": status.name,
        **({"details": details} if details else {}),
    }
    return {"error": error}
