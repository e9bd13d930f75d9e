"""Decides by its name whether a key's value is a secret. Pure.

A name is split into words at `.`, `_`, `-`, `/`, `@` and at capitals, and its last word decides: `db.password`,
`WANDB_API_KEY` and `hfToken` are secrets, `password_file`, `max_tokens` and `tokenizer.name` are not.
"""

from __future__ import annotations

import re

from hydra_vertex.protocol.secret_references import is_secret_reference


def _set(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_ALWAYS = _set(
    "password passwords passwd passphrase passphrases secret secrets credential credentials creds auth",
    "cookie cookies authorization apikey apikeys authtoken accesstoken secretkey privatekey accesskey",
)
_HOLDERS = _set("secret secrets credential credentials creds auth")
"""Every value below such a key is a secret: `credentials.user`."""

_SECRET_KEYS = _set(
    "api access secret private signing encryption account auth license licence ssh service master shared storage",
    "deploy wandb hf openai anthropic comet neptune mlflow clearml aws azure gcp ngc webhook",
)
"""The word before `key` or `keys` in names of access and encryption keys, such as `api_key`."""
_PLAIN_KEYS = _set(
    "sort group primary foreign partition cache resume metric monitor public join index map dict batch input target",
    "label image text output state data feature features loss row shard config query value hot param model checkpoint",
    "log score class id name column field prompt audio video mask dataset split env context memory attention",
)
"""The word before `key` in names of keys of a table, a batch or a dictionary, such as `sort_key` and `image_key`."""

_SECRET_TOKENS = _set("api access auth secret bearer refresh session")
"""The word before `tokens` in names of secrets, such as `api_tokens`. Other plurals are counts: `max_tokens`."""
_PLAIN_TOKENS = _set(
    "pad eos bos unk mask cls sep special stop start end image audio per next begin bot eot newline separator"
)
"""The word before `token` in names of vocabulary entries, such as `pad_token`."""

_NOT_SECRET_VALUES = frozenset({"true", "false", "null", "none", "???", "***"})

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_REFERENCE = re.compile(r"\$(\{[^{},]+(,\s*(null|None|''|\"\"|\?\?\?)?\s*)?\}|\([^()]+\)|\w+)")
_LOOKS_RANDOM = re.compile(r"(?=.*[A-Za-z])(?=.*\d)[A-Za-z0-9+/=_-]{16,}")


_NAME_OF_KMS_KEY = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s:;,]+")
"""The resource name of a key in Cloud KMS, which is no secret: the key itself never leaves the service."""


def is_secret_key(key: str) -> bool:
    """Whether the value of a key with this name is a secret."""
    *above, last = [_words(part) for part in _segments(key)] or [[]]
    return _is_secret_name(last) or any(words[-1:] and words[-1] in _HOLDERS for words in above)


def is_secret(key: str, value: str) -> bool:
    """Whether this value of a key with this name is a secret.

    For a `*_key` of unknown meaning the form of the value decides: 16 or more letters and digits, as in a random key.
    """
    if not value or value.lower() in _NOT_SECRET_VALUES or _is_path_of_credentials(key, value):
        return False
    if is_reference(value) or is_secret_reference(value):
        return False
    if _NAME_OF_KMS_KEY.fullmatch(value):
        return False
    return is_secret_key(key) or (_is_unknown_key(key) and _LOOKS_RANDOM.fullmatch(value) is not None)


def _is_path_of_credentials(key: str, value: str) -> bool:
    """Whether the value is the path of a credentials file, as in `GOOGLE_APPLICATION_CREDENTIALS`."""
    return key.lower().endswith("credentials") and value.startswith(("/", "~/", "./", "gs://", "s3://"))


def is_reference(value: str) -> bool:
    """Whether a value only refers to the secret: `${oc.env:NAME}`, `$NAME`, `$(NAME)`.

    A reference with a default counts only when the default is empty, because the default may be a secret too.
    """
    return _REFERENCE.fullmatch(value) is not None


def variable_name(key: str) -> str:
    """Return the name of a shell variable for a key's value: `LOGGER_API_KEY` for `logger.api_key`."""
    name = re.sub(r"\W+", "_", key.lstrip("+~-"), flags=re.ASCII).strip("_").upper()
    return name if name and not name[0].isdigit() else f"SECRET_{name}"


def _is_secret_name(words: list[str]) -> bool:
    if not words:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    match last:
        case "token":
            return before not in _PLAIN_TOKENS
        case "tokens":
            return before in _SECRET_TOKENS
        case "key" | "keys":
            return before in _SECRET_KEYS
        case _:
            return last in _ALWAYS


def _is_unknown_key(key: str) -> bool:
    words = _words(next(reversed(_segments(key)), ""))
    return len(words) > 1 and words[-1] in {"key", "keys"} and words[-2] not in _PLAIN_KEYS


def _segments(key: str) -> list[str]:
    return [part for part in re.split(r"[./@\[\]]", key.lstrip("+~-")) if part]


def _words(segment: str) -> list[str]:
    words = [word.lower() for word in _WORD.findall(segment)]
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    return words
