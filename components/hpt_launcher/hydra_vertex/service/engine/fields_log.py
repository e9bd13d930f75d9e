"""Logs the fields of a new job that the service does not act on."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from hydra_vertex.service.validation.without_effect import sentence_with_engine

logger = logging.getLogger(__name__)


def log_without_effect(job_id: str, fields: Iterable[str], engine: str = "") -> None:
    """Log one line with the fields, if there are any. `engine` is the engine of trials; empty means this machine."""
    if text := sentence_with_engine(fields, engine):
        logger.warning("job %s: %s", job_id, text)
