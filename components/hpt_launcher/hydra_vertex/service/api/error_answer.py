"""Converts an exception into the error response of REST and gRPC: a status, and a message that can be sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.service.status import Refusal, Status, error_body

MESSAGE_LIMIT_BYTES = 1000
"""gRPC sends a message in the trailer, up to three times and partly with each byte as %XX; a trailer has 8 KiB."""

FIELD_LIMIT_BYTES = 300


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error response. `field` is the path of the wrong field of the request; empty when no field is wrong."""

    status: Status
    message: str
    field: str = ""

    def body(self, http_code: int | None = None) -> JsonObject:
        """Return the JSON body of an HTTP response. `http_code` None means the status's own code."""
        return error_body(self.status, self.message, http_code, self.field)


def answer_to(error: Exception, request: str) -> ErrorAnswer:
    """Return the error response for an exception. `request` names the request in messages about internal errors."""
    match error:
        case Refusal():
            status, message, field = error.status, str(error), error.field
        case DocumentError():
            status, message, field = Status.INVALID_ARGUMENT, str(error), error.field
        case OSError() if is_shortage(error):
            status, message, field = Status.UNAVAILABLE, f"{request}: {error}; try again later", ""
        case _:
            failure = f"{request} failed ({type(error).__name__}: {error}); see the service's log"
            status, message, field = Status.INTERNAL, failure, ""
    return ErrorAnswer(status, sendable(message, MESSAGE_LIMIT_BYTES), sendable(field, FIELD_LIMIT_BYTES))


def sendable(text: str, limit_bytes: int = MESSAGE_LIMIT_BYTES) -> str:
    """Return a text that can be encoded in UTF-8: lone surrogates are escaped as `\\udXXX`.

    The middle of a text longer than `limit_bytes` in UTF-8 is replaced by ` … `.
    """
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= limit_bytes:
        return encoded.decode()
    half = limit_bytes // 2
    begin, end = encoded[:half].decode(errors="ignore"), encoded[-half:].decode(errors="ignore")
    return f"{begin} … {end}"
