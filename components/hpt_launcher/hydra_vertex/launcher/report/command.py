"""The command that runs the best trial again, fit to be mailed: without the values of secrets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.preflight.job_builder import app_in

_SECRET = re.compile(
    r"(^|[._-])(password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)$", re.IGNORECASE
)
"""Ends of keys whose values a report must not carry: `logger.api_key`, but not `tokenizer.name` or `max_tokens`."""


def command_of(job: HyperparameterTuningJob, overrides: Sequence[str]) -> str:
    """The app's command in the job with the best trial's overrides; empty when either is unknown."""
    app = app_in(job)
    return "" if app is None or not overrides else shlex.join(without_secrets([*app, *overrides]))


def without_secrets(arguments: Iterable[str]) -> list[str]:
    """`key=value` becomes `key=***`, and `--key value` becomes `--key ***`, where the key says that it is a secret."""
    result: list[str] = []
    hides_next = False
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        is_secret = _SECRET.search(key.lstrip("+~-")) is not None
        result.append("***" if hides_next else f"{key}=***" if is_secret and equals else argument)
        hides_next = is_secret and not equals and argument.startswith("--")
    return result
