"""What a step knows about the pipeline that runs it: its project and location, and the labels of its run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.executor import ExecutorInput

PROJECT = "{{$.pipeline_google_cloud_project_id}}"
LOCATION = "{{$.pipeline_google_cloud_location}}"
"""Placeholders that Vertex Pipelines fills in. Source: `_placeholders.py` of google-cloud-pipeline-components."""

_PLACEHOLDERS = (("project", PROJECT), ("location", LOCATION))

PLACE = "local"
"""The project and the location of the jobs of an embedded service, which has neither, unless the pipeline names them.
"""

RUN_LABELS = "VERTEX_AI_PIPELINES_RUN_LABELS"
"""Variable of a step on Vertex Pipelines: the labels of its run as a JSON object, such as
`vertex-ai-pipelines-run-billing-id`. Source: `gcp_labels_util.py` of google-cloud-pipeline-components."""


def require_place(given: ExecutorInput) -> None:
    """Check the project and the location of the step. Raises UserError where the platform has not filled them in."""
    for name, placeholder in _PLACEHOLDERS:
        if given.text(name) in {"", placeholder}:
            raise UserError(f"{name}: only Vertex Pipelines knows it by itself; set this parameter of the pipeline")


def in_its_place(given: ExecutorInput) -> ExecutorInput:
    """Return the input for an embedded service: with a project and a location, where the pipeline has none."""
    missing = {name: PLACE for name, placeholder in _PLACEHOLDERS if given.text(name) in {"", placeholder}}
    return replace(given, parameters={**given.parameters, **missing})


def run_labels(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of the pipeline's run; empty outside Vertex Pipelines, and with a message for invalid JSON."""
    text = environ.get(RUN_LABELS, "")
    try:
        labels = json.loads(text) if text else {}
    except ValueError:
        labels = None
    if not isinstance(labels, dict):
        print(f"tune: {RUN_LABELS} is not a JSON object and is not used: {excerpt(repr(text))}", file=sys.stderr)
        return {}
    return {key: str(value) for key, value in labels.items()}
