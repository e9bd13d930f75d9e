"""Reads the values of the settings of the Slurm engine. Errors name the key, the value seen and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.suggestions import quote_for_message, suggest

_GRES = re.compile(r"(?P<kind>[A-Za-z][\w.-]*(?::[A-Za-z][\w.-]*)?)(?::(?P<count>[1-9]\d{0,3}))?")
_MEMORY = re.compile(r"[1-9]\d*[KMGT]?")
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def problem(key: str, value: Json, expected: str) -> UserError:
    """Return the error about the value of a key."""
    return UserError(f"engine slurm: {key}: expected {expected}, got {quote_for_message(repr(value))}")


class SettingValues:
    """The keys of the engine's config file. Each method reads one; they raise UserError for a wrong value."""

    def __init__(self, settings: JsonObject, allowed: Iterable[str]) -> None:
        names = tuple(allowed)
        for key in settings:
            if key not in names:
                raise UserError(f"engine slurm: unknown key {key!r}{suggest(key, names)}")
        self._values = settings

    def word(self, key: str) -> str:
        """Read a name of Slurm's; empty when it is absent."""
        value = self._values.get(key)
        if value is None:
            return ""
        # A name that is all digits is a number in YAML.
        text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if not text or text != text.strip() or not text.isprintable():
            raise problem(key, value, "a name")
        return text

    def count(self, key: str) -> int | None:
        """Read a whole number from 1; None when it is absent."""
        value = self._values.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 1 << 31):
            raise problem(key, value, "a whole number from 1")
        return value if isinstance(value, int) else None

    def seconds(self, key: str, default: float) -> float:
        """Read a number of seconds up to one hour."""
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 3600:
            raise problem(key, value, "a number of seconds from 0 to 3600")
        return float(value)

    def flag(self, key: str) -> bool:
        """Read true or false; False when it is absent."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise problem(key, value, "true or false")
        return value

    def text(self, key: str) -> str:
        """Read a text of any lines; empty when it is absent."""
        value = self._values.get(key, "")
        if not isinstance(value, str) or "\0" in value:
            raise problem(key, value, "a text")
        return value

    def memory(self, key: str) -> str:
        """Read an amount of memory as `sbatch --mem` takes it; empty when it is absent."""
        value = self._values.get(key)
        if value is None:
            return ""
        text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        if not _MEMORY.fullmatch(text):
            raise problem(key, value, "an amount such as 16G (K, M, G or T; without a unit: megabytes)")
        return text

    def folder(self, key: str) -> PurePosixPath | None:
        """Read the absolute path of a folder; None when it is absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.startswith("/") or "\0" in value or ".." in value.split("/"):
            raise problem(key, value, "an absolute path without '..'")
        return PurePosixPath(value)

    def words(self, key: str) -> tuple[str, ...] | None:
        """Read a list of words; None when it is absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise problem(key, value, "a list of words")
        if any(not isinstance(item, str) or not item or "\0" in item for item in value):
            raise problem(key, value, "a list of words")
        return tuple(str(item) for item in value)

    def variables(self, key: str) -> tuple[str, ...] | None:
        """Read a list of names of environment variables; None when it is absent."""
        names = self.words(key)
        for name in names or ():
            if not _VARIABLE.fullmatch(name):
                raise problem(key, name, "the name of an environment variable")
        return names

    def gres(self, key: str) -> tuple[str, int] | None:
        """Read a generic resource, `name[:type][:count]`, as its name and its count; None when it is absent."""
        value = self._values.get(key)
        return None if value is None else parse_gres(key, value)

    def machines(self, key: str) -> dict[str, tuple[str, int]]:
        """Read the mapping of accelerator types to the generic resource of one accelerator."""
        value = self._values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise problem(key, value, "a mapping such as {NVIDIA_L4: 'gpu:l4'}")
        return {str(kind): parse_gres(f"{key}.{kind}", gres) for kind, gres in value.items()}


def parse_gres(key: str, value: Json) -> tuple[str, int]:
    """Return name (with its type) and count of a generic resource. Raises UserError."""
    match = _GRES.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise problem(key, value, "a generic resource such as gpu:1 or gpu:l4:1")
    return match["kind"], int(match["count"] or 1)
