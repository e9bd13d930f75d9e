"""Sets the environment variables that a job gives the app, while the app is composed on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def app_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set the variables of this process, which its children inherit, and restore them at the end."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
