"""Builds the report's figures. Each module builds one kind, and none when the study has too little data for it."""

from __future__ import annotations

from .build import build_figures
from .confirmation import confirmation_figure
from .figure import Figure

__all__ = ["Figure", "build_figures", "confirmation_figure"]
