"""The exception classes of hydra-vertex, and the exit code of each.

::

    HydraVertexError            1   base class of all errors that hydra-vertex raises
    ├── UserError               2   the input is invalid; nothing was launched
    │   ├── ArgumentError           an argument of hydra-trial cannot be passed to the app
    │   ├── CommandError            the app's command cannot be started
    │   ├── SecretError             a secret that an environment variable refers to cannot be read
    │   ├── MetricError             a metric cannot be recorded: invalid name, value or step
    │   ├── DocumentError           a job document does not have the form that the API requires
    │   ├── SearchSpaceError        a search file or its search space is invalid
    │   └── OutputError             a file or folder cannot be read or written
    ├── AppError                1   the user's app failed, or gave no usable result
    ├── StudyError              1   a study ended without a trial that can be selected
    ├── ServiceError            1   the tuning service refused a request, failed or did not answer
    │   └── ServiceUnreachableError   no usable answer; the request may have been executed
    └── Interrupted           130   the user stopped the work; the message says how to continue

The number is the exit code of a command that ends with that error.
"""

from __future__ import annotations

from typing import ClassVar


class HydraVertexError(Exception):
    """Base class of all errors of hydra-vertex. `str(error)` is one or more complete sentences for the user."""

    exit_code: ClassVar[int] = 1


class UserError(HydraVertexError):
    """The input is invalid. Raised before anything is launched."""

    exit_code: ClassVar[int] = 2


class ArgumentError(UserError):
    """An argument cannot be converted to an override of the app's config."""


class CommandError(UserError):
    """The app's command cannot be started as a Hydra app."""


class SecretError(UserError):
    """A reference to a secret is malformed, or its secret cannot be read."""


class MetricError(UserError):
    """A metric's name, value or step is not one that a record can contain."""


class DocumentError(UserError):
    """A job document is malformed. `field` is the path of the field, such as `studySpec.parameters[2].scaleType`."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}" if field else problem)


class SearchSpaceError(UserError):
    """A search file cannot be read, or its search space is invalid."""


class OutputError(UserError):
    """A file or folder cannot be read or written."""


class AppError(HydraVertexError):
    """The user's app failed, or gave no usable result."""


class StudyError(HydraVertexError):
    """A study ended without a trial that can be selected."""


class ServiceError(HydraVertexError):
    """The tuning service refused a request, failed, or did not answer in time.

    `http_status` is that of its answer; 0 when there was none.
    """

    def __init__(self, message: str, *, http_status: int = 0) -> None:
        super().__init__(message)
        self.http_status = http_status


class ServiceUnreachableError(ServiceError):
    """The tuning service gave no usable answer. It may have executed the request."""


class Interrupted(HydraVertexError):  # noqa: N818 - stopping is the user's choice, not an error of theirs
    """The user stopped the work. The measurements are kept, and the message says how to continue."""

    exit_code: ClassVar[int] = 130
