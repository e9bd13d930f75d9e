"""Names the Python that runs the app, where it is not the one that runs hydra-vertex."""

from __future__ import annotations

import sys
from pathlib import Path

from hydra_vertex.protocol.interpreter import is_this_python

from .trial_process import is_started_elsewhere


def other_interpreter(path: str) -> str | None:
    """Return one sentence about the Python that composed the app's config; None when it is this one or unknown.

    Also None when the app runs in a container, whose paths mean nothing here.
    """
    if not path or is_started_elsewhere() or is_this_python(Path(path)):
        return None
    return f"the app runs in {path}, as in your shell; hydra-vertex itself runs in {sys.executable}"
