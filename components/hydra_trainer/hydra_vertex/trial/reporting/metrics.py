"""Determines a metric's name and the path of the metric file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hydra_vertex.protocol.environment import DEFAULT_METRIC, METRIC_FILE, METRIC_TAG, is_trial
from hydra_vertex.protocol.errors import MetricError
from hydra_vertex.protocol.metric_fields import RECORD_FIELDS

HYPERTUNE_DEFAULT = Path("/tmp/hypertune/output.metrics")  # noqa: S108 - where Vertex AI reads; hypertune's own default


def metric_name(option: str | None, environ: Mapping[str, str], app_config: object) -> str:
    """Return the first name given: `--metric`, $CLOUD_ML_HP_METRIC_TAG, the app's `optimized_metric`, or `metric`."""
    app = app_config if isinstance(app_config, str) else None
    return option or environ.get(METRIC_TAG) or app or DEFAULT_METRIC


def metric_file(environ: Mapping[str, str]) -> Path | None:
    """Return $CLOUD_ML_HP_METRIC_FILE, or in a trial the default path. None otherwise: no service reads the values."""
    if environ.get(METRIC_FILE):
        return Path(environ[METRIC_FILE]).absolute()
    return HYPERTUNE_DEFAULT if is_trial(environ) else None


def check_metric_name(name: object, source: str = "the metric's name") -> None:
    """Raise MetricError if a record cannot contain a metric of this name. `source` names the origin in the message."""
    if not isinstance(name, str) or not name:
        raise MetricError(f"{source} is {name!r}; expected a name such as 'val/loss'")
    if any(character.isspace() for character in name):
        raise MetricError(f"{source} is {name!r}; a name must not contain whitespace; write {'_'.join(name.split())!r}")
    if name in RECORD_FIELDS:
        fields = ", ".join(RECORD_FIELDS)
        raise MetricError(f"{source} is {name!r}, a field of the metric file's records ({fields}); choose another name")
