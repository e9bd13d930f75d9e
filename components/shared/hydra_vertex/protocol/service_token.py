"""Names of the embedded service's token: the variables in which a client finds it, and its file in the folder."""

from __future__ import annotations

TOKEN_VARIABLE = "HYDRA_VERTEX_TOKEN"  # noqa: S105 - the variable's name
"""The token: `serve` requires it in every request, and a client sends it."""

TOKEN_FILE_VARIABLE = "HYDRA_VERTEX_TOKEN_FILE"  # noqa: S105 - the variable's name
"""The path of a file with the token, for clients. It comes before TOKEN_VARIABLE."""

TOKEN_FILE = "service.token"  # noqa: S105 - the file's name
"""The file in the service's folder with the token of the running service, also one that the user gave."""
