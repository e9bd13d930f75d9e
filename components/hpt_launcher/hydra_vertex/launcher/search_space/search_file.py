"""A search file, in either of the two forms that people have: Hydra's sweeper config, or what `gcloud` takes."""

from __future__ import annotations

from pathlib import Path

import yaml

from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from . import gcloud, sweeper
from .search_space import SearchSpace


def load_search_space(path: Path) -> SearchSpace:
    """Read a search file. Raises SearchSpaceError, in one line that names the file."""
    document = _load_yaml(path)
    if "studySpec" in document or "study_spec" in document:
        return gcloud.parse(document, str(path))
    if "hydra" in document:
        return sweeper.parse(document, str(path))
    raise SearchSpaceError(
        f"{path}: no search space in it; give a Hydra sweeper file (hydra.sweeper.params) "
        "or the YAML of `gcloud ai hp-tuning-jobs create --config` (studySpec)"
    )


def _load_yaml(path: Path) -> JsonObject:
    try:
        document: Json = yaml.safe_load(path.read_bytes())
    except FileNotFoundError as error:
        raise SearchSpaceError(f"{path}: no such search file; {_files_beside(path)}") from error
    except OSError as error:
        raise SearchSpaceError(f"{path}: the search file cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise SearchSpaceError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise SearchSpaceError(f"{path}: expected a YAML mapping with hydra.sweeper.params, got {document!r:.80}")
    return document


def _files_beside(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {folder} does not exist either"
    names = sorted(p.name for p in folder.iterdir() if p.suffix in {".yaml", ".yml"})
    return f"{folder} holds {', '.join(names[:8]) or 'no YAML file'}"
