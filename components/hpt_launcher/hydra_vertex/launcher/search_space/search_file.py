"""Reads a search file in either of its two forms: a Hydra sweeper config, or the YAML that `gcloud` takes."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.launcher.files.reading import SEARCH_FILE
from hydra_vertex.launcher.files.yaml_form import load_yaml
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import JsonObject

from . import gcloud, sweeper
from .hydra_yaml import read_as_hydra
from .search_space import SearchSpace


def load_search_space(path: Path) -> SearchSpace:
    """Read a search file. Raises SearchSpaceError; its message is one line that names the file."""
    return parse_document(load_document(path), path)


def parse_document(document: JsonObject, path: Path) -> SearchSpace:
    """Parse the content of a search file, which `load_document` has read. Raises SearchSpaceError."""
    if is_gcloud_form(document):
        return gcloud.parse(document, str(path))
    if "hydra" in document:
        return sweeper.parse(read_as_hydra(path), str(path))
    raise SearchSpaceError(
        f"{path}: no search space in it; give a Hydra sweeper file (hydra.sweeper.params) "
        "or the YAML of `gcloud ai hp-tuning-jobs create --config` (studySpec)"
    )


def is_gcloud_form(document: JsonObject) -> bool:
    """Whether a search file is a job document, as `gcloud` takes it."""
    return "studySpec" in document or "study_spec" in document


def load_document(path: Path) -> JsonObject:
    """Read a search file as YAML. Raises SearchSpaceError when it cannot be read or is not a mapping."""
    try:
        document = load_yaml(path, SEARCH_FILE)
    except SearchSpaceError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise SearchSpaceError(f"{path}: no such search file; {_files_beside(path)}") from error
        raise
    if not isinstance(document, dict):
        raise SearchSpaceError(
            f"{path}: expected a YAML mapping with hydra.sweeper.params, got {excerpt(repr(document), 80)}"
        )
    return document


def _files_beside(path: Path) -> str:
    folder = path.parent
    try:
        names = sorted(p.name for p in folder.iterdir() if p.suffix in {".yaml", ".yml"})
    except FileNotFoundError:
        return f"the folder {folder} does not exist either"
    except OSError as error:
        return f"the folder {folder} cannot be listed ({error.strerror})"
    return f"{folder} contains {', '.join(names[:8]) or 'no YAML file'}"
