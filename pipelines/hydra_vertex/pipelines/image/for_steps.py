"""Checks that an image can run the pipeline's steps."""

from __future__ import annotations

from importlib.metadata import version

from hydra_vertex.pipelines.compiled_pipeline import CompiledPipeline, object_at
from hydra_vertex.protocol.errors import CommandError

from .docker_cli import DockerError, inspected
from .layer import DISTRIBUTION
from .python_in_image import python_in_image


def require_image_of_steps(image: str) -> None:
    """Check that the engine has the image, with this version of hydra-vertex and its steps. Raises CommandError."""
    try:
        inspected(image)
    except DockerError as error:
        raise CommandError(
            f"--image {image}: the engine has no such image ({error}); build it with `hydra-vertex image`, or get it "
            f"with `docker pull {image}`"
        ) from error
    found, here = python_in_image(image, f"--image {image}"), version(DISTRIBUTION)
    if found.hydra_vertex != here:
        there = f"hydra-vertex {found.hydra_vertex}" if found.hydra_vertex else "no hydra-vertex"
        raise CommandError(
            f"--image {image}: has {there}, and this is {here}; `hydra-vertex image --from {image} -t NAME` adds it"
        )
    if not found.has_steps:
        raise CommandError(
            f"--image {image}: has hydra-trial alone; `hydra-vertex image` without --trial-only also installs what the "
            "pipeline's steps need"
        )


_OF_HYDRA_VERTEX = "hydra_vertex."
"""The beginning of the modules of our steps."""


def require_same_image(pipeline: CompiledPipeline, image: str) -> None:
    """Check that our steps of a compiled pipeline have the image in which the app is checked. Raises CommandError."""
    for name, executor in object_at(pipeline.spec, "deploymentSpec", "executors").items():
        container = object_at(executor, "container")
        words = container.get("command")
        is_ours = isinstance(words, list) and any(str(word).startswith(_OF_HYDRA_VERTEX) for word in words)
        if is_ours and container.get("image") != image:
            raise CommandError(
                f"{pipeline.file}: its step {name.removeprefix('exec-')} has the image {container.get('image')}, and "
                f"--image is {image}; give that one, or compile it again with `hydra-vertex compile --image {image}`"
            )
