"""Search files that users already have, read into a `StudySpec`."""

from .search_file import load_search_space
from .search_space import SearchSpace

__all__ = ["SearchSpace", "load_search_space"]
