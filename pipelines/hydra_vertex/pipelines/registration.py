"""Registers the model in Vertex AI's Model Registry, with Google's pipeline components: a step of a compiled pipeline.

Google's components are installed by the extra `google-components`, and are imported only for such a pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from hydra_vertex.protocol.errors import CommandError, UserError


@dataclass(frozen=True, slots=True)
class Serving:
    """The container that serves the model, and the model's display name; empty for the study's."""

    image: str
    model_name: str = ""


def serving_from(image: str, model_name: str) -> Serving | None:
    """Return what the options describe; None without an image.

    Raises UserError for a name without an image, CommandError when Google's components are not installed.
    """
    if not image:
        if model_name:
            raise UserError(f"--model-name {model_name}: a model is registered only with --serving-image; add it")
        return None
    if find_spec("google_cloud_pipeline_components") is None:
        raise CommandError(
            "--serving-image needs Google's pipeline components, which are not installed here: "
            "pip install 'hydra-vertex[google-components]' (in an environment with google-cloud-aiplatform below 2)"
        )
    return Serving(image, model_name)


def add_registration(retrained: Any, serving: Serving, *, project: Any, location: Any, display_name: Any) -> None:
    """Add the steps that register the model of the retraining, if it has one, to the pipeline that is being built.

    The model is imported as an unmanaged container model: the files at its address, and the image that serves them.
    """
    from google_cloud_pipeline_components.types.artifact_types import UnmanagedContainerModel
    from google_cloud_pipeline_components.v1.model import ModelUploadOp
    from kfp import dsl

    uri = retrained.outputs["model_uri"]
    with dsl.If(uri != "", name="there-is-a-model"):
        imported = dsl.importer(
            artifact_uri=uri,
            artifact_class=UnmanagedContainerModel,
            reimport=True,
            metadata={"containerSpec": {"imageUri": serving.image}},
        )
        ModelUploadOp(
            project=project,
            location=location,
            display_name=serving.model_name or display_name,
            unmanaged_container_model=imported.outputs["artifact"],
        )
