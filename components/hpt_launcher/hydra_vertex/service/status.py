"""Google's error model: a canonical status, its HTTP code, and the body that says both.

Source: https://cloud.google.com/apis/design/errors and google/rpc/code.proto.
"""

from __future__ import annotations

from enum import Enum

from hydra_vertex.trial.protocol.errors import ServiceError
from hydra_vertex.trial.protocol.json import JsonObject


class Status(Enum):
    """The canonical statuses that the service answers with: google.rpc.Code, HTTP code."""

    INVALID_ARGUMENT = (3, 400)
    NOT_FOUND = (5, 404)
    PERMISSION_DENIED = (7, 403)
    FAILED_PRECONDITION = (9, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)

    @property
    def rpc_code(self) -> int:
        """The number of `google.rpc.Code`, as in a job's `error.code`."""
        return self.value[0]

    @property
    def http_code(self) -> int:
        """The HTTP status code that goes with it."""
        return self.value[1]


class Refusal(ServiceError):  # noqa: N818 - the service is right and the request is not
    """The service does not do what a request asks; the message says why and what it would do."""

    def __init__(self, status: Status, message: str) -> None:
        self.status = status
        super().__init__(message)


def error_body(status: Status, message: str, http_code: int | None = None) -> JsonObject:
    """The JSON body of an answer that is an error."""
    return {"error": {"code": http_code or status.http_code, "message": message, "status": status.name}}
