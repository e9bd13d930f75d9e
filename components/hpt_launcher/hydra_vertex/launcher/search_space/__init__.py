"""Reads search files, Hydra's or gcloud's, into a `StudySpec`."""

from .search_file import load_search_space
from .search_space import SearchSpace

__all__ = ["SearchSpace", "load_search_space"]
