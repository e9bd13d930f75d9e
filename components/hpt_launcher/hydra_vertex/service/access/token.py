"""The service's token: reading it from a file or a variable, and comparing it with a request's header."""

from __future__ import annotations

import hmac
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError, UserError
from hydra_vertex.protocol.service_token import TOKEN_VARIABLE

SHORTEST_TOKEN = 16
SCHEME = "Bearer "


def has_token(authorization: str, token: str) -> bool:
    """Whether an Authorization header contains the token. The comparison takes the same time for every header."""
    given = authorization[len(SCHEME) :] if authorization.lower().startswith(SCHEME.lower()) else ""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


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
