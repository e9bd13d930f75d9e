"""Who may ask: programs of this machine, and with a token those of other machines."""

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
    """Whether an address is of this machine alone. A name other than localhost is not, whatever it stands for."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_token(authorization: str, token: str | None) -> None:
    """Raises Refusal (UNAUTHENTICATED) unless the header carries the token; None asks for nothing."""
    if token is None:
        return
    given = authorization[len(SCHEME) :] if authorization.lower().startswith(SCHEME.lower()) else ""
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise Refusal(Status.UNAUTHENTICATED, "the request must carry the service's token: Authorization: Bearer TOKEN")


def read_token(file: Path | None, variable: str | None) -> str | None:
    """The token from a file, else from TOKEN_VARIABLE's value; None when neither is given. Raises UserError."""
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
