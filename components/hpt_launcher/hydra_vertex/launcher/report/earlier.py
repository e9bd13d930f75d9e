"""What a study took from earlier ones (`--start-from`), by the labels of its job. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.job.earlier_studies import EARLIER_STUDIES_LABEL
from hydra_vertex.job.narrowed import narrowed_text

_BEGUN = (
    "The study began with earlier ones (--start-from): their best trials were tried first, and its model takes their "
    "trials into account"
)


def earlier_text(labels: Mapping[str, str]) -> str:
    """Return one sentence without a full stop; empty for a study that took nothing."""
    return narrowed_text(labels) or (_BEGUN if labels.get(EARLIER_STUDIES_LABEL) else "")
