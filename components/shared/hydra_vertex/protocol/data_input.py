"""The artifact that a tuning step gives to every trial, and the retraining to its app: an override of one key."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .errors import DocumentError
from .executor import ExecutorInput

DATA, DATA_KEY, DATA_FORM = "data", "data_key", "data_form"
PATH, URI = "path", "uri"
FORMS = (PATH, URI)
"""What the key gets: the local path in the app's container, or the artifact's address."""

_KEY = re.compile(r"\+{0,2}[\w@/.$:-]+")
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_UNSAFE = ("'", "\\", "$")


def data_override(step: ExecutorInput) -> tuple[str, ...]:
    """Return the Hydra override of the step's artifact `data`; empty without an artifact.

    Raises DocumentError when one of artifact and key is given without the other, or is malformed.
    """
    key, artifact = step.text(DATA_KEY), step.inputs.get(DATA)
    form = step.text(DATA_FORM) or PATH
    if artifact is None:
        if key:
            raise DocumentError(DATA_KEY, f"is {key!r}, and the step has no artifact {DATA}; give it, or no key")
        return ()
    if not _KEY.fullmatch(key):
        raise DocumentError(DATA_KEY, f"expected the app's key for the artifact {DATA}, such as data.path, got {key!r}")
    if form not in FORMS:
        raise DocumentError(DATA_FORM, f"expected one of {', '.join(FORMS)}, got {form!r}")
    return (f"{key}={_quoted(str(artifact.path) if form == PATH else artifact.uri)}",)


def with_data(app: Sequence[str], override: Sequence[str], last: int) -> tuple[str, ...]:
    """Return the app's command with the override before its `last` words, which come from a search file."""
    at = len(app) - last
    return (*app[:at], *override, *app[at:])


def _quoted(text: str) -> str:
    if any(character in text for character in _UNSAFE):
        raise DocumentError(DATA, f"its address has one of {' '.join(_UNSAFE)}, which Hydra gives a meaning: {text!r}")
    return text if _PLAIN.fullmatch(text) else f"'{text}'"
