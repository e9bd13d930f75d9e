"""Gives the variables that refer to secrets their values."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from hydra_vertex.protocol.errors import SecretError
from hydra_vertex.protocol.secret_fingerprints import FINGERPRINTS, fingerprints
from hydra_vertex.protocol.secret_references import KEPT, SECRETS, SecretVersion, listed_names, parse_secret_reference
from hydra_vertex.protocol.whole_file import PRIVATE_MODE, write_whole

from .access_token import access_token, explicit_token
from .secret_manager import endpoint_of, is_stand_in, read_secret


def resolved(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set: the values of the secrets, and SECRETS with their names.

    A secret is read once, also for several variables. Raises SecretError when a reference is malformed or a secret
    cannot be read; nothing is read when one reference is malformed.
    """
    versions = references(environ)
    if not versions:
        return {}
    endpoints = {version: endpoint_of(version, environ) for version in versions.values()}
    are_stand_ins = any(map(is_stand_in, endpoints.values()))
    token = explicit_token(environ) if are_stand_ins else access_token(environ)
    values = {version: read_secret(version, endpoint, token) for version, endpoint in endpoints.items()}
    names = [*listed_names(environ, SECRETS), *versions]
    return {**{name: values[version] for name, version in versions.items()}, SECRETS: ",".join(names)}


def publish_fingerprints(values: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Write the fingerprints of the secrets for the service that runs this trial, if it asks for them.

    The service masks the secrets in what it keeps of the log. Raises SecretError when the file cannot be written.
    """
    path = environ.get(FINGERPRINTS, "")
    if not path:
        return
    document = fingerprints((value for name, value in values.items() if name != SECRETS), secrets.token_hex(16))
    try:
        # Several processes of a trial may do so at once.
        write_whole(path, json.dumps(document).encode(), durable=False, mode=PRIVATE_MODE)
    except OSError as error:
        raise SecretError(f"{path}: cannot be written: {error.strerror}; the service masks secrets by it") from error


def references(environ: Mapping[str, str]) -> dict[str, SecretVersion]:
    """Return the secrets that variables refer to, without those of SECRETS and KEPT. Raises SecretError."""
    done = {*listed_names(environ, SECRETS), *listed_names(environ, KEPT)}
    found: dict[str, SecretVersion] = {}
    for name, value in environ.items():
        try:
            version = None if name in done else parse_secret_reference(value)
        except ValueError as error:
            raise SecretError(f"${name} is a malformed reference to a secret; {error}") from error
        if version is not None:
            found[name] = version
    return found
