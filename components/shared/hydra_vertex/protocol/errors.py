"""The tree of errors that hydra-vertex raises on purpose.

::

    HydraVertexError            1   anything that went wrong and is named
    ├── UserError               2   the input is at fault; nothing was launched
    │   ├── ArgumentError           an argument of hydra-trial cannot be delivered to the app
    │   ├── CommandError            the app's command cannot be started
    │   ├── MetricError             a metric cannot be recorded: its name, its value or its step
    │   ├── DocumentError           a job document does not have the form that the API prescribes
    │   ├── SearchSpaceError        a search file, or the space in it, is not usable
    │   └── OutputError             a file or folder cannot be read or written as asked
    ├── AppError                1   the user's app failed, or said nothing that can be used
    ├── StudyError              1   a study ended without a trial to select
    ├── ServiceError            1   the tuning service refused, failed or did not answer
    └── Interrupted           130   the user stopped the work; the message says how to go on

The number is the exit code of a command that ends with that error.
"""

from __future__ import annotations

from typing import ClassVar


class HydraVertexError(Exception):
    """Root of the tree. `str(error)` is one or more whole sentences for the person at the terminal."""

    exit_code: ClassVar[int] = 1


class UserError(HydraVertexError):
    """The input is at fault. Raised before anything is launched."""

    exit_code: ClassVar[int] = 2


class ArgumentError(UserError):
    """An argument cannot be turned into an override of the app's config."""


class CommandError(UserError):
    """The app's command does not name something that can be started as a Hydra app."""


class MetricError(UserError):
    """A metric's name, value or step is none that a record can hold."""


class DocumentError(UserError):
    """A job document is malformed. `field` is the path of the field, such as `studySpec.parameters[2].scaleType`."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}" if field else problem)


class SearchSpaceError(UserError):
    """A search file cannot be read, or describes a space that cannot be searched."""


class OutputError(UserError):
    """A file or folder cannot be read or written as asked."""


class AppError(HydraVertexError):
    """The user's app failed, or gave nothing that can be used."""


class StudyError(HydraVertexError):
    """A study ended without a trial that can be selected."""


class ServiceError(HydraVertexError):
    """The tuning service refused a request, failed, or did not answer in time."""


class Interrupted(HydraVertexError):  # noqa: N818 - stopping is the user's choice, not an error of theirs
    """The user stopped the work. What was measured is kept, and the message says how to go on."""

    exit_code: ClassVar[int] = 130
