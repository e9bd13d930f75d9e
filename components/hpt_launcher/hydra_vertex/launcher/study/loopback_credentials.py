"""The credentials for a service on this machine: its token, where one is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.launcher.files.reading import TOKEN_FILE, read_text
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.service_token import TOKEN_FILE_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from google.auth.credentials import Credentials


def loopback_credentials(environ: Mapping[str, str]) -> Credentials:
    """Return Google's credentials that send the service's token; anonymous ones when no variable names a token.

    Raises OutputError when the file of the token cannot be read, UserError when the token cannot be sent.
    """
    token = service_token(environ)
    if not token:
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()
    from google.oauth2.credentials import Credentials

    return Credentials(token)  # type: ignore[no-untyped-call]  # google-auth leaves its __init__ untyped


def service_token(environ: Mapping[str, str]) -> str:
    """Return the token of the service: from the file that TOKEN_FILE_VARIABLE names, else from TOKEN_VARIABLE.

    Raises OutputError when the file cannot be read, UserError when the token cannot be sent.
    """
    file = environ.get(TOKEN_FILE_VARIABLE, "")
    token = (read_text(Path(file), TOKEN_FILE) if file else environ.get(TOKEN_VARIABLE, "")).strip()
    if not token.isascii() or any(character.isspace() for character in token):
        raise UserError(
            f"{file or '$' + TOKEN_VARIABLE}: expected one token of ASCII characters without spaces, such as the "
            "content of service.token in the folder of the service"
        )
    return token
