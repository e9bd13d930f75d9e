"""The refusals of a field: what the real API would refuse too, and what only the real API can do."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from hydra_vertex.service.status import Refusal, Status


def invalid(field: str, problem: str) -> NoReturn:
    """Raises Refusal: the real API would refuse this too."""
    raise Refusal(Status.INVALID_ARGUMENT, f"{field}: {problem}", field)


def unimplemented(field: str, what: str) -> NoReturn:
    """Raises Refusal: only the real API can do this."""
    problem = f"{what} are not in the embedded service; leave them out, or run on Vertex AI"
    raise Refusal(Status.UNIMPLEMENTED, f"{field}: {problem}", field)


def refuse_unknown(path: str, given: Collection[str], known: Collection[str] = ()) -> None:
    """Raises Refusal at the first field that is not known."""
    for name in sorted(set(given) - set(known)):
        invalid(f"{path}.{name}" if path else name, "is no field of the API")
