"""Gives the trials of a local run an output folder that the job names, so that the steps after it find their models."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.executor import parameter_text
from hydra_vertex.protocol.json import Json

_PARAMETER = "trial_job_spec"
_FIELD = "baseOutputDirectory"
_URI = "outputUriPrefix"
_GCS = "gs://"
OUTPUTS = "outputs"
"""The folder of the trials' outputs in the folder of the tuning service; each study has its own in it."""


def with_output_folder(arguments: Mapping[str, str | int], studies: Path) -> dict[str, str | int]:
    """Return the pipeline's arguments with an output folder for the trials on this machine.

    A folder in a bucket becomes the one that the embedded service uses for it. One that is a path stays as it is.
    """
    spec = json.loads(str(arguments.get(_PARAMETER) or "{}"))
    if not isinstance(spec, dict):
        return dict(arguments)  # The step that reads it refuses it by name.
    given: dict[str, Json] = dict(spec)
    directory = given.get(_FIELD)
    uri = directory.get(_URI) if isinstance(directory, dict) else None
    if isinstance(uri, str) and uri and not uri.startswith(_GCS):
        return dict(arguments)
    root = studies.resolve()
    if isinstance(uri, str) and uri:
        folder = root / "gcs" / uri.removeprefix(_GCS)
    else:
        # A job that failed before any measurement is replaced by another, which must not find its checkpoints.
        folder = root / OUTPUTS / uuid.uuid4().hex[:8]
    return {**arguments, _PARAMETER: parameter_text({**given, _FIELD: {_URI: str(folder)}})}
