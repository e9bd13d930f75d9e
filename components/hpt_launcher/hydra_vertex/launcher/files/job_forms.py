"""Converts a job document that another program printed to the JSON form of the API. Pure.

`to_dict()` of proto-plus writes enums as numbers, gcloud writes NaN as `.nan`, and Python's own `str` of a time has a
space in place of the `T`. Names in snake_case and numbers of enums are read by `hydra_vertex.job` itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from hydra_vertex.job.fields import format_time
from hydra_vertex.protocol.json import Json

_TIME = re.compile(r"([a-z]+_t|[a-z]+T)ime")
_DURATION = re.compile(r".*([a-z]D|_d)uration|timeout")
_PARTS = frozenset({"seconds", "nanos"})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def as_api_json(value: Json, name: str = "") -> Json:
    """Return the value of the field `name` in the API's form; what has no other form is returned as it is."""
    match value:
        case float() if not math.isfinite(value):
            return not_finite_text(value)
        case str() if _TIME.fullmatch(name):
            return re.sub(r"^(\d{4}-\d\d-\d\d) (\d\d:)", r"\1T\2", value)
        case Mapping() if value and _PARTS.issuperset(value) and (_TIME.fullmatch(name) or _DURATION.fullmatch(name)):
            return _text_of_parts(value, is_time=bool(_TIME.fullmatch(name)))
        case Mapping():
            return {key: as_api_json(item, key) for key, item in value.items()}
        case list():
            return [as_api_json(item) for item in value]
    return value


def not_finite_text(value: float) -> str:
    """Return the text by which the JSON form of protobuf writes a double that is not finite."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text_of_parts(parts: Mapping[str, Json], *, is_time: bool) -> Json:
    """Return the text of a Timestamp or Duration that is an object of its fields."""
    try:
        seconds, nanos = (int(str(parts.get(part) or 0)) for part in ("seconds", "nanos"))
        if not is_time:
            return f"{seconds}.{nanos:09d}s"
        return format_time(_EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000))
    except (ValueError, OverflowError):
        return dict(parts)  # The reader of the field names it in its error.
