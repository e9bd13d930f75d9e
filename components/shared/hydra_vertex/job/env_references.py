"""Replaces `$(NAME)` references in a container's environment. Pure.

Source: the comment of EnvVar.value in google/cloud/aiplatform/v1/env_var.proto.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"(\$?)\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def expanded(given: Mapping[str, str], service: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with their references replaced.

    A reference may name an earlier variable of `given` or a variable in `service`. Other references are kept unchanged;
    `$$(NAME)` becomes the text `$(NAME)`.
    """
    known = dict(service)
    result: dict[str, str] = {}
    for name, text in given.items():
        result[name] = known[name] = _REFERENCE.sub(lambda match: _value(match, known), text)
    return result


def _value(match: re.Match[str], known: Mapping[str, str]) -> str:
    escape, name = match.groups()
    return f"$({name})" if escape else known.get(name, match[0])
