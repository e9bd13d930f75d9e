"""Masks and lists secrets in texts, command lines and documents."""

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
"""Minimum length of a known secret. A shorter one may be a common word, and is masked only as the value of its key."""


@dataclass(frozen=True, slots=True)
class Masker:
    """Masks values by the names of their keys and by their form, and every occurrence of the `known` secrets."""

    known: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        """Mask the secrets in free text, such as a line of a log or a message."""
        for value in self.known:
            text = text.replace(value, MASK)
        return mask_forms(text)

    def value(self, key: str, value: Json) -> Json:
        """Mask the value of a key, and in a mapping or list the values below it."""
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
        """Mask the secrets of a command line: `key=value` becomes `key=***`, and `--key value` becomes `--key ***`."""
        result: list[str] = []
        is_next_secret = False
        for argument in arguments:
            key, equals, value = argument.partition("=")
            if is_next_secret:
                result.append(MASK)
            elif equals and is_secret(key, _unquoted(value)):
                result.append(f"{key}={MASK}")
            else:
                result.append(self.text(argument))
            is_next_secret = not is_next_secret and not equals and argument.startswith("--") and is_secret_key(argument)
        return result


NO_SECRETS = Masker()
"""A masker without known secrets: it masks by keys and forms only."""


def masker(secrets: Iterable[str] = ()) -> Masker:
    """Return a masker that knows these values, also quoted and escaped. The longest spelling is replaced first."""
    spellings = {form for value in secrets if len(value) >= SHORTEST_KNOWN for form in _spellings(value)}
    return Masker(tuple(sorted(spellings, key=lambda form: (-len(form), form))))


def secrets_in_arguments(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the secret values of a command line."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        key, equals, value = argument.partition("=")
        if equals and is_secret(key, _unquoted(value)):
            yield from (value, _unquoted(value))
        elif not equals and argument.startswith("--") and is_secret(argument, following):
            yield following
        yield from _passwords(argument)


def secrets_in_document(value: Json, key: str = "") -> Iterator[str]:
    """Yield the secret values of a config or of environment variables."""
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
    """Yield the password of a URL; `key=` may come before the URL."""
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
    """Return an override's value without Hydra's quotes around it."""
    is_quoted = len(value) > 1 and value[0] in "'\"" and value[-1] == value[0]
    return value[1:-1] if is_quoted else value
