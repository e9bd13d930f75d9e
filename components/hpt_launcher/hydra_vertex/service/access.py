"""Access control: programs on this machine, and programs on other machines that send the token."""

from __future__ import annotations

import hmac
import ipaddress
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError, UserError

from .status import Refusal, Status

TOKEN_VARIABLE = "HYDRA_VERTEX_TOKEN"  # noqa: S105 - the variable's name
SHORTEST_TOKEN = 16
SCHEME = "Bearer "


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host. False for any name but localhost: names are not resolved."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_token(authorization: str, token: str | None) -> None:
    """Check the Authorization header. Raises Refusal (UNAUTHENTICATED) unless it contains the token.

    A `token` of None means that no token is required.
    """
    if token is None:
        return
    given = authorization[len(SCHEME) :] if authorization.lower().startswith(SCHEME.lower()) else ""
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise Refusal(Status.UNAUTHENTICATED, "the request needs the service's token: Authorization: Bearer TOKEN")


def read_token(file: Path | None, variable: str | None) -> str | None:
    """Return the token from a file, else from `variable`, the value of TOKEN_VARIABLE; None when neither is given.

    Raises OutputError when the file cannot be read, UserError when the token is too short or contains characters
    other than ASCII without spaces.
    """
    if file is None and variable is None:
        return None
    try:
        token = (file.read_text() if file is not None else variable or "").strip()
    except (OSError, ValueError) as error:
        raise OutputError(f"{file}: cannot be read as the service's token ({error}); give a text file") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii() or any(character.isspace() for character in token):
        source = TOKEN_VARIABLE if file is None else file
        raise UserError(
            f"{source}: expected a token of {SHORTEST_TOKEN} or more ASCII characters without spaces; make one with "
            "`python -c 'import secrets; print(secrets.token_urlsafe())'`"
        )
    return token
