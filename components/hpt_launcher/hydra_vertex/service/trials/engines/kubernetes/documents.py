"""Reads the JSON documents of the Kubernetes API. Pure. A field that is absent or of another type counts as empty."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal

from hydra_vertex.protocol.json import Json, JsonObject

_QUANTITY = re.compile(r"([0-9]*\.?[0-9]+)(?:[eE]([+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
_FACTORS = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1), "k": Decimal(1000)} | {
    unit: Decimal(1000) ** power for power, unit in enumerate("MGTPE", 2)
}
_BINARY = {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def field(document: Json, *path: str) -> Json:
    """Return the value at a path; None when there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def text(document: Json, *path: str) -> str:
    """Return the text at a path; empty when there is none."""
    value = field(document, *path)
    return value if isinstance(value, str) else ""


def number(document: Json, *path: str) -> int:
    """Return the whole number at a path; 0 when there is none."""
    value = field(document, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def mapping(document: Json, *path: str) -> JsonObject:
    """Return the object at a path; an empty one when there is none."""
    value = field(document, *path)
    return value if isinstance(value, Mapping) else {}


def objects(document: Json, *path: str) -> tuple[JsonObject, ...]:
    """Return the objects of the list at a path."""
    value = field(document, *path)
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def time(document: Json, *path: str) -> datetime | None:
    """Return the time at a path; None when there is none."""
    value = text(document, *path)
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def condition(document: Json, kind: str) -> JsonObject | None:
    """Return the condition of a type whose status is True; None when there is none."""
    found = (item for item in objects(document, "status", "conditions") if text(item, "type") == kind)
    return next((item for item in found if text(item, "status") == "True"), None)


def name_of(document: Json) -> str:
    """Return the name of an object."""
    return text(document, "metadata", "name")


def quantity(value: str) -> Decimal | None:
    """Return a resource quantity such as `500m` or `8Gi` as a number; None when it is none.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = _QUANTITY.fullmatch(value)
    if match is None:
        return None
    digits, exponent, unit = match.groups()
    return Decimal(digits) * (Decimal(10) ** int(exponent) if exponent else (_FACTORS | _BINARY)[unit or ""])
