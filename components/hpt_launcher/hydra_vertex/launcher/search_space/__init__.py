"""Search files that users already have, read into a `StudySpec`."""

from .search_file import SearchSpace, load_search_space

__all__ = ["SearchSpace", "load_search_space"]
