"""Determines the metrics' names and the path of the metric file. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra_vertex.protocol.environment import DEFAULT_METRIC, METRIC_FILE, METRIC_TAG, is_trial
from hydra_vertex.protocol.errors import MetricError
from hydra_vertex.protocol.metric_fields import RECORD_FIELDS
from hydra_vertex.protocol.metric_names import metric_names

HYPERTUNE_DEFAULT = Path("/tmp/hypertune/output.metrics")  # noqa: S108 - where Vertex AI reads; hypertune's own default


def names_of_metrics(option: str | None, environ: Mapping[str, str], app_config: object) -> tuple[str, ...]:
    """Return the first names given: `--metric`, $CLOUD_ML_HP_METRIC_TAG, the app's `optimized_metric`, or `metric`.

    `--metric` has several names as a JSON array, and the app's config as a list.
    """
    if option:
        return metric_names(option)
    if environ.get(METRIC_TAG):
        return (environ[METRIC_TAG],)
    if isinstance(app_config, str):
        return (app_config or DEFAULT_METRIC,)
    names = tuple(str(name) for name in app_config) if isinstance(app_config, Sequence) else ()
    return names or (DEFAULT_METRIC,)


def metric_file(environ: Mapping[str, str]) -> Path | None:
    """Return $CLOUD_ML_HP_METRIC_FILE, or in a trial the default path. None otherwise: no service reads the values."""
    if environ.get(METRIC_FILE):
        return Path(environ[METRIC_FILE]).absolute()
    return HYPERTUNE_DEFAULT if is_trial(environ) else None


def check_metric_option(text: str) -> None:
    """Raise MetricError if `--metric` has a name that no record can contain, a name twice, or a damaged JSON array."""
    names = metric_names(text)
    if names == (text,) and text.startswith("[") and text.endswith("]") and "," in text:
        raise MetricError(
            f"--metric is {text!r}; several names are a JSON array of texts, which a shell leaves as it is in quotes: "
            """--metric '["val/loss","size"]'"""
        )
    for name in names:
        check_metric_name(name, "--metric")
    twice = next((name for index, name in enumerate(names) if name in names[:index]), "")
    if twice:
        raise MetricError(f"--metric is {text!r}, with {twice!r} twice; name each metric once")


def check_metric_name(name: object, source: str = "the metric's name") -> None:
    """Raise MetricError if a record cannot contain a metric of this name. `source` names the origin in the message."""
    if not isinstance(name, str) or not name:
        raise MetricError(f"{source} is {name!r}; expected a name such as 'val/loss'")
    if any(character.isspace() for character in name):
        raise MetricError(f"{source} is {name!r}; a name must not contain whitespace; write {'_'.join(name.split())!r}")
    if name in RECORD_FIELDS:
        fields = ", ".join(RECORD_FIELDS)
        raise MetricError(f"{source} is {name!r}, a field of the metric file's records ({fields}); choose another name")


def check_metric_names(option: str | None, monitor: Sequence[str], environ: Mapping[str, str]) -> None:
    """Check the names of `--metric` or the environment, and of `--monitor`. Raises MetricError.

    The name in the app's config is known only after the run.
    """
    if option is not None:
        check_metric_option(option)
    elif environ.get(METRIC_TAG):
        check_metric_name(environ[METRIC_TAG], f"${METRIC_TAG}")
    for name in monitor:
        check_metric_name(name, "--monitor")
