"""Finds secrets that an image would show to everyone who can pull it: build arguments, variables, files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from hydra_vertex.launcher.secrets.forms import mask_forms
from hydra_vertex.launcher.secrets.keys import is_secret
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.protocol.json import Json


def require_no_secret(build_args: Sequence[str]) -> None:
    """Check the texts `NAME=VALUE` or `NAME`, which takes the variable's value. Raises CommandError."""
    for text in build_args:
        name, equals, value = text.partition("=")
        if not name.isidentifier():
            raise CommandError(f"--build-arg {excerpt(repr(text))}: expected NAME=VALUE")
        given = value if equals else os.environ.get(name, "")
        if is_secret(name, given) or mask_forms(given) != given:
            raise CommandError(
                f"--build-arg {name} looks like a secret, and everyone who can pull the image can read it "
                "in its history; build the image with `docker build --secret`, then give it with --from"
            )


def exposed_secrets(config: Mapping[str, Json], history: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each secret in an image's variables, labels and history."""
    for name, value in (*_variables(config), *_labels(config)):
        if is_secret(name, value) or mask_forms(value) != value:
            yield f"its variable or label {name} looks like a secret"
    for number, step in enumerate(reversed(history), 1):
        if mask_forms(step) != step:
            yield f"step {number} of its history looks like it has a secret ({excerpt(mask_forms(step), 200)})"


def _variables(config: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    listed = config.get("Env")
    for text in listed if isinstance(listed, list) else ():
        name, _, value = str(text).partition("=")
        yield name, value


def _labels(config: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    labels = config.get("Labels")
    if isinstance(labels, Mapping):
        yield from ((name, str(value)) for name, value in labels.items())
