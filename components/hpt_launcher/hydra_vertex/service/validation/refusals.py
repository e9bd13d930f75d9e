"""Raises the refusals of a field: invalid for Vertex AI too, or supported by Vertex AI only."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from hydra_vertex.service.status import Refusal, Status


def invalid(field: str, problem: str) -> NoReturn:
    """Raises Refusal (INVALID_ARGUMENT): Vertex AI would refuse this too."""
    raise Refusal(Status.INVALID_ARGUMENT, f"{field}: {problem}", field)


def unimplemented(field: str, what: str) -> NoReturn:
    """Raises Refusal (UNIMPLEMENTED): only Vertex AI supports this. `what` is a plural noun."""
    problem = f"{what} are not supported by the embedded service; leave them out, or run on Vertex AI"
    raise Refusal(Status.UNIMPLEMENTED, f"{field}: {problem}", field)


def refuse_unknown(path: str, given: Collection[str], known: Collection[str] = ()) -> None:
    """Raises Refusal (INVALID_ARGUMENT) for the first field of `given` that is not in `known`."""
    for name in sorted(set(given) - set(known)):
        invalid(f"{path}.{name}" if path else name, "is not a field of the API")
