"""The report's figures: each module builds one kind, or none where the study has too little for it."""

from __future__ import annotations

from .build import build_figures
from .figure import Figure

__all__ = ["Figure", "build_figures"]
