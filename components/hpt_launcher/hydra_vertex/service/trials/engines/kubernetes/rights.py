"""The rights that the engine needs in its namespace, and the errors that name a missing one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROLE_PAGE = "docs/kubernetes-role.yaml"


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on a resource of an API group, and what it is needed for."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}"


RIGHTS = (
    *(Right("batch", "jobs", verb) for verb in ("create", "get", "list", "delete")),
    *(Right("", "pods", verb) for verb in ("get", "list")),
    Right("", "pods/log", "get"),
    Right("", "events", "list"),
    Right("", "services", "create"),
)
"""All that the engine uses: a Role with these rights is enough, and each is needed."""

_MISSING = re.compile(r'cannot (\w+) resource "([^"]+)" in API group "([^"]*)"')


def missing_right(message: str) -> Right | None:
    """Return the right that an answer "forbidden" is about; None when it is about something else, such as a quota."""
    match = _MISSING.search(message)
    return None if match is None else Right(match[3], match[2], match[1])


def advice(missing: tuple[Right, ...], namespace: str) -> str:
    """Return the sentence for the user about missing rights."""
    named = ", ".join(map(str, missing))
    return (
        f"the user of the engine may not {named} in the namespace {namespace}; "
        f"bind the Role in {ROLE_PAGE} to it (kubectl apply -n {namespace} -f)"
    )
