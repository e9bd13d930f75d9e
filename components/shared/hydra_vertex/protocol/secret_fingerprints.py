"""Salted hashes of secrets, by which the embedded service recognises them in a trial's log without knowing them. Pure.

A trial writes them to a file beside its log. The hash of a short password can be guessed, so the file is private.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from .json import Json, JsonObject
from .secret_references import MASK, SHORTEST

FINGERPRINTS = "HYDRA_TRIAL_FINGERPRINTS"
"""The variable with the path of the file, which the embedded service sets."""

_DIGEST_BYTES = 16
_LONGEST, _LENGTHS = 4096, 64
"""Limits of the work for one log: the length of a secret, and the number of different lengths."""


def fingerprints(values: Iterable[str], salt: str) -> JsonObject:
    """Return the hashes of the secrets and of their lines, by their length."""
    parts = {part.strip() for value in values for part in (value, *value.splitlines())}
    by_length: dict[str, list[Json]] = {}
    for part in sorted(part for part in parts if SHORTEST <= len(part) <= _LONGEST):
        by_length.setdefault(str(len(part)), []).append(_digest(part, salt))
    return {"salt": salt, "digests": by_length}


def without_known(text: str, document: Json) -> str:
    """Replace the secrets of `fingerprints` in a text by MASK, the longest first.

    An unusable document changes nothing.
    """
    if not isinstance(document, Mapping):
        return text
    salt, by_length = document.get("salt"), document.get("digests")
    if not isinstance(salt, str) or not isinstance(by_length, Mapping):
        return text
    lengths = [int(length) for length in by_length if length.isascii() and length.isdecimal() and len(length) <= 4]
    for length in sorted(lengths, reverse=True)[:_LENGTHS]:
        found = by_length.get(str(length))
        if length >= SHORTEST and isinstance(found, (list, tuple)):
            text = _masked(text, length, frozenset(map(str, found)), salt)
    return text


def _masked(text: str, length: int, digests: frozenset[str], salt: str) -> str:
    parts, start, position = list[str](), 0, 0
    while position + length <= len(text):
        if _digest(text[position : position + length], salt) in digests:
            parts += [text[start:position], MASK]
            start = position = position + length
        else:
            position += 1
    return "".join([*parts, text[start:]])


def _digest(text: str, salt: str) -> str:
    key = salt.encode("utf-8", "surrogatepass")[:64]
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES, key=key).hexdigest()
