"""References to secrets of Secret Manager in environment variables: `projects/P/secrets/S[/versions/V]`. Pure.

Source of the names: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SECRETS = "HYDRA_TRIAL_SECRETS"
"""The names, with commas, of the variables that `hydra-trial` has given the values of secrets."""

KEPT = "HYDRA_TRIAL_KEPT_REFERENCES"
"""The names, with commas, of variables that `hydra-trial` leaves as they are: the container did not set them."""

SHORTEST = 6
"""Minimum length of a secret that is masked in a text. A shorter one may be a common word."""

MASK = "***"

_MEANT = re.compile(r"\s*projects/[^/]*(?:/locations/[^/]*)?/secrets(?:/.*)?\s*", re.DOTALL)
_REFERENCE = re.compile(
    r"projects/(?P<project>[a-z0-9][a-z0-9.:-]{0,98}[a-z0-9]|[0-9])"
    r"(?:/locations/(?P<location>[a-z]+(?:-[a-z0-9]+)+))?"
    r"/secrets/(?P<secret>[A-Za-z0-9_-]{1,255})"
    r"(?:/versions/(?P<version>[1-9][0-9]*|[A-Za-z][A-Za-z0-9_-]{0,62}))?"
)


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A version of a secret: a number, an alias, or `latest`. `location` is empty for a global secret."""

    project: str
    secret: str
    version: str = "latest"
    location: str = ""

    @property
    def name(self) -> str:
        """The resource name."""
        place = f"/locations/{self.location}" if self.location else ""
        return f"projects/{self.project}{place}/secrets/{self.secret}/versions/{self.version}"


def is_meant_as_reference(value: str) -> bool:
    """Whether a value begins as a reference does, well-formed or not."""
    return value.lstrip().startswith("projects/") and _MEANT.fullmatch(value) is not None


def parse_secret_reference(value: str) -> SecretVersion | None:
    """Return the version that a value refers to; None for any other text.

    Raises ValueError for a malformed reference.
    """
    if not is_meant_as_reference(value):
        return None
    found = _REFERENCE.fullmatch(value)
    if found is None:
        raise ValueError(
            "expected projects/PROJECT/secrets/SECRET, which may end with /versions/VERSION and may have "
            f"/locations/REGION after PROJECT; got {value!r}"
        )
    return SecretVersion(found["project"], found["secret"], found["version"] or "latest", found["location"] or "")


def is_secret_reference(value: str) -> bool:
    """Whether a value is a well-formed reference, which is no secret itself."""
    return is_meant_as_reference(value) and _REFERENCE.fullmatch(value) is not None


def listed_names(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """Return the names in SECRETS or KEPT."""
    return tuple(name for name in environ.get(variable, "").split(",") if name)


def reference_names(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the variables whose values are meant as references."""
    return (name for name, value in environ.items() if is_meant_as_reference(value))
