"""How a command that fails ends: one message on stderr, an exit code, and with `--json` the document `error`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from hydra_vertex.launcher.text.terminal import one_line
from hydra_vertex.protocol import errors
from hydra_vertex.protocol.errors import DocumentError, HydraVertexError, Interrupted, ServiceError, UserError
from hydra_vertex.protocol.json import JsonObject

from .documents import show_document
from .output import say
from .reserved_stdout import lacks_document

_EXTRA_OF = {
    **dict.fromkeys(("google", "grpc", "h11", "jinja2", "kfp", "markupsafe", "numpy", "optuna", "packaging"), "all"),
    **dict.fromkeys(("plotly", "psutil", "requests", "rich", "scipy", "starlette", "threadpoolctl", "uvicorn"), "all"),
    **dict.fromkeys(("anyio", "jsonschema", "mcp", "mcp_types"), "mcp"),
}
"""The extra of each library that the base install does not include, because it is meant for training images."""
UNEXPECTED = "UnexpectedError"
"""The kind of an error that no class of the tree has: a mistake in hydra-vertex, which also prints a traceback."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure of a command. `kind` is the name of a class of `protocol/errors.py`, which determines the exit code."""

    kind: str
    message: str
    exit_code: int
    field: str = ""
    http_status: int = 0

    def document(self) -> JsonObject:
        """Return the document `error`, without the field `schema`."""
        return {
            "exitCode": self.exit_code,
            "kind": self.kind,
            "message": self.message,
            "field": self.field or None,
            "httpStatus": self.http_status or None,
        }


def failure_of(error: BaseException) -> Failure | None:
    """Return how a command ends with an exception; None for one that a command is not expected to raise."""
    match error:
        case UserError():
            field = error.field if isinstance(error, DocumentError) else ""
            return Failure(kind_of(error), one_line(str(error)), error.exit_code, field=field)
        case ServiceError():
            return Failure(kind_of(error), str(error), error.exit_code, http_status=error.http_status)
        case HydraVertexError():
            return Failure(kind_of(error), str(error), error.exit_code)
        case ModuleNotFoundError():
            return _missing(error.name or "")
        case KeyboardInterrupt():
            return Failure(Interrupted.__name__, "stopped", Interrupted.exit_code)
        case OSError():
            message = f"{error.filename or 'a file'}: {error.strerror or error}"
            return Failure(HydraVertexError.__name__, message, HydraVertexError.exit_code)
        case _:
            return None


def kind_of(error: HydraVertexError) -> str:
    """Return the name of the class of `protocol/errors.py` that an error belongs to."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)


def end_with(failure: Failure) -> int:
    """Print the failure, and return its exit code."""
    say(f"hydra-vertex: {failure.message}")
    show_failure(failure)
    return failure.exit_code


def show_failure(failure: Failure) -> None:
    """Print the document `error` where stdout is reserved for a document that the command has not printed."""
    if lacks_document():
        # The exit code and stderr have the failure also where nothing reads stdout.
        with contextlib.suppress(OSError):
            show_document("error", failure.document())


def _missing(module: str) -> Failure | None:
    extra = _EXTRA_OF.get(module.split(".")[0])
    if extra is None:
        return None
    message = f"{module} is not installed; pip install 'hydra-vertex[{extra}]'"
    return Failure(UserError.__name__, message, UserError.exit_code)
