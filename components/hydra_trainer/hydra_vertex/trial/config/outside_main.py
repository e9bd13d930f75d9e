"""Recognises apps that start Hydra without `hydra.main`: the compose API, and `hydra_zen.launch`.

Both create Hydra's internal `Hydra` object, as `hydra.main` does. A Python program's parameters would not reach them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

_INITIALIZERS = ("initialize", "initialize_config_dir", "initialize_config_module")
_HYDRA_ZEN = "hydra_zen"
_LIBRARIES = ("hydra", _HYDRA_ZEN, "hydra_vertex")


def watch_hydra(on_created: Callable[[str], None]) -> None:
    """Call `on_created` with a description of the caller whenever a `Hydra` object is created. Imports Hydra."""
    from hydra._internal.hydra import Hydra

    original = Hydra.__init__

    @functools.wraps(original)
    def watched(*args: object, **kwargs: object) -> None:
        on_created(_describe(sys._getframe(1)))
        original(*args, **kwargs)  # type: ignore[arg-type] # passed on unchanged

    Hydra.__init__ = watched  # type: ignore[method-assign] # Hydra has no public way


def _describe(frame: FrameType | None) -> str:
    """Return what has called Hydra, such as `hydra.initialize (the compose API) in train.py, line 12`."""
    called = "Hydra's own classes"
    while frame is not None and _library(frame) in _LIBRARIES:
        called = _named(frame) or called
        frame = frame.f_back
    if frame is None:
        return called
    return f"{called} in {Path(frame.f_code.co_filename).name}, line {frame.f_lineno},"


def _named(frame: FrameType) -> str | None:
    if _library(frame) == _HYDRA_ZEN:
        return f"hydra_zen.{frame.f_code.co_name}"
    name = type(frame.f_locals.get("self")).__name__
    return f"hydra.{name} (the compose API)" if name in _INITIALIZERS else None


def _library(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
