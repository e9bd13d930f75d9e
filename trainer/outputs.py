"""The output folders of a run: those that Vertex AI names, or folders in Hydra's output folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

BUCKETS_MOUNT = Path("/gcs")


def local_path(location: str) -> Path:
    """Return the local path of `location`.

    `gs://bucket/x` is `/gcs/bucket/x`, where a Vertex AI container has the buckets mounted; `file:///x` is `/x`; a path
    is unchanged. Raises ValueError for any other scheme.
    """
    if "://" not in location:
        return Path(location)
    parts = urlsplit(location)
    match parts.scheme:
        case "gs":
            return BUCKETS_MOUNT / location.removeprefix("gs://").rstrip("/")
        case "file":
            return Path(unquote(parts.path))
        case scheme:
            raise ValueError(f"{location!r} has the scheme {scheme}://; allowed are a path, file:// and gs://")


@dataclass(frozen=True)
class Outputs:
    run_dir: Path
    checkpoint_dir: Path
    model_dir: Path

    @property
    def last_checkpoint(self) -> Path:
        return self.checkpoint_dir / "last.ckpt"


def find_outputs(run_dir: Path, environment: Mapping[str, str] = os.environ) -> Outputs:
    """Return the folders in `AIP_CHECKPOINT_DIR` and `AIP_MODEL_DIR`; for an unset variable, a folder in `run_dir`."""
    return Outputs(
        run_dir=run_dir,
        checkpoint_dir=_folder(environment.get("AIP_CHECKPOINT_DIR"), run_dir / "checkpoints"),
        model_dir=_folder(environment.get("AIP_MODEL_DIR"), run_dir / "model"),
    )


def _folder(location: str | None, default: Path) -> Path:
    return local_path(location) if location else default
