"""Decides whether a request may use the service."""

from __future__ import annotations

from dataclasses import dataclass, field

from hydra_vertex.protocol.service_token import TOKEN_FILE
from hydra_vertex.service.status import Refusal, Status

from .socket_owner import own_uid
from .token import has_token


@dataclass(frozen=True, slots=True)
class Gate:
    """The rule of one service.

    With `serves_own_user`, connections of the service's user need no token; every other request needs `token`.
    """

    token: str = field(repr=False)
    serves_own_user: bool = False

    def has_token(self, authorization: str) -> bool:
        """Whether a request with this Authorization header has the token."""
        return has_token(authorization, self.token)

    def require_owner(self, owner: int | None, authorization: str) -> None:
        """Check a request without the token. `owner` is the user id of its client, None when it is not known.

        Raises Refusal: UNAUTHENTICATED when a token was sent or every request needs one, else PERMISSION_DENIED.
        """
        if not self.serves_own_user:
            raise Refusal(Status.UNAUTHENTICATED, "the request needs the service's token: Authorization: Bearer TOKEN")
        if owner is not None and owner == own_uid():
            return
        # Google's clients answer a 401 with a new token, and report that they have none in place of this message.
        status = Status.UNAUTHENTICATED if authorization else Status.PERMISSION_DENIED
        raise Refusal(status, f"{_reason(owner)}; send the token of {TOKEN_FILE} in the service's folder: {_HEADER}")


_HEADER = "Authorization: Bearer TOKEN"


def _reason(owner: int | None) -> str:
    if owner is None:
        return "the user of this connection cannot be determined, and the service runs commands for its own user only"
    return f"the connection is of user {owner}, and the service runs commands for its own user, {own_uid()}, only"
