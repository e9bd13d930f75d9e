"""Reads search files, Hydra's or gcloud's, into a `StudySpec`."""

from .search_file import is_gcloud_form, load_document, load_search_space, parse_document
from .search_space import SearchSpace
from .sweeper import parse_composed

__all__ = ["SearchSpace", "is_gcloud_form", "load_document", "load_search_space", "parse_composed", "parse_document"]
