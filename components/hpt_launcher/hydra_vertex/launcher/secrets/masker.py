"""Masks secrets in texts, in command lines and in documents."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

from .forms import MASK, mask_forms
from .keys import is_secret, is_secret_key

SHORTEST_KNOWN = 6
"""A shorter value is masked where its key stands beside it, and nowhere else: it may be any word."""


@dataclass(frozen=True, slots=True)
class Masker:
    """Masks by the names of keys, by the form of values, and wherever one of the `known` secrets stands."""

    known: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        """Free text: a line of a log, a reason, a message."""
        for value in self.known:
            text = text.replace(value, MASK)
        return mask_forms(text)

    def value(self, key: str, value: Json) -> Json:
        """The value of a key, with the values of all keys below it."""
        match value:
            case None | bool():
                return value
            case str():
                return MASK if is_secret(key, value) else self.text(value)
            case int() | float():
                return MASK if is_secret_key(key) else value
            case Mapping():
                return {name: self.value(f"{key}.{name}" if key else name, item) for name, item in value.items()}
            case _:
                return [self.value(key, item) for item in value]

    def arguments(self, arguments: Iterable[str]) -> list[str]:
        """A command line: `key=value` becomes `key=***`, and `--key value` becomes `--key ***`."""
        result: list[str] = []
        hides_next = False
        for argument in arguments:
            key, equals, value = argument.partition("=")
            if hides_next:
                result.append(MASK)
            elif equals and is_secret(key, _unquoted(value)):
                result.append(f"{key}={MASK}")
            else:
                result.append(self.text(argument))
            hides_next = not hides_next and not equals and argument.startswith("--") and is_secret_key(argument)
        return result


NO_SECRETS = Masker()
"""Knows none, and masks by keys and forms alone."""


def masker(secrets: Iterable[str] = ()) -> Masker:
    """A masker that knows these values, in the spellings in which they may stand somewhere; the longest come first."""
    spellings = {form for value in secrets if len(value) >= SHORTEST_KNOWN for form in _spellings(value)}
    return Masker(tuple(sorted(spellings, key=lambda form: (-len(form), form))))


def secrets_in_arguments(arguments: Sequence[str]) -> Iterator[str]:
    """The secret values of a command line."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        key, equals, value = argument.partition("=")
        if equals and is_secret(key, _unquoted(value)):
            yield from (value, _unquoted(value))
        elif not equals and argument.startswith("--") and is_secret_key(argument) and following:
            yield following
        yield from _passwords(argument)


def secrets_in_document(value: Json, key: str = "") -> Iterator[str]:
    """The secret values of a config or of variables."""
    match value:
        case Mapping():
            for name, item in value.items():
                yield from secrets_in_document(item, f"{key}.{name}" if key else name)
        case str():
            if is_secret(key, value):
                yield value
            yield from _passwords(value)
        case None | bool():
            return
        case int() | float():
            if is_secret_key(key):
                yield str(value)
        case _:
            for item in value:
                yield from secrets_in_document(item, key)


def _passwords(text: str) -> Iterator[str]:
    """The password of a URL, bare or behind `key=`."""
    if "://" in text and "@" in text:
        try:
            password = urlsplit(text[text.index("://") - 1 :]).password
        except ValueError:
            return
        if password:
            yield password


def _spellings(value: str) -> Iterator[str]:
    yield from (value, shlex.quote(value), quote(value, safe=""), repr(value)[1:-1])
    yield json.dumps(value)[1:-1]


def _unquoted(value: str) -> str:
    """An override's value without Hydra's quotes around it."""
    is_quoted = len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]
    return value[1:-1] if is_quoted else value
