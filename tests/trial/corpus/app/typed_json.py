"""Converts values to JSON with their Python types, so that 64, 64.0, true, "64", an enum and a path differ."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

MISSING = {"$missing": True}


def typed(value: object) -> object:
    """Convert a value to typed JSON. Interpolations are resolved; a key without a value is MISSING."""
    if isinstance(value, DictConfig):
        return {str(key): MISSING if OmegaConf.is_missing(value, key) else typed(value[key]) for key in value}
    if isinstance(value, dict):
        return {str(key): typed(item) for key, item in value.items()}
    if isinstance(value, (ListConfig, list)):
        return [typed(item) for item in value]
    if isinstance(value, Enum):
        return {"$enum": str(value)}
    if isinstance(value, Path):
        return {"$path": str(value)}
    return value
