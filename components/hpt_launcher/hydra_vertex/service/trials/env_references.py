"""`$(NAME)` in a container's environment. Pure.

Source: the comment of EnvVar.value in google/cloud/aiplatform/v1/env_var.proto.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"(\$?)\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def expanded(given: Mapping[str, str], service: Mapping[str, str]) -> dict[str, str]:
    """The variables with what they refer to put in: those before them, and those that the service itself sets.

    A reference to anything else stays as it is; `$$(NAME)` is `$(NAME)`, and refers to nothing.
    """
    known = dict(service)
    result: dict[str, str] = {}
    for name, text in given.items():
        result[name] = known[name] = _REFERENCE.sub(lambda match: _value(match, known), text)
    return result


def _value(match: re.Match[str], known: Mapping[str, str]) -> str:
    escape, name = match.groups()
    return f"$({name})" if escape else known.get(name, match[0])
