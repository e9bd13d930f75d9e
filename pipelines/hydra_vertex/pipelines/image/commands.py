"""The command lines that use an image. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.launcher.secrets.masker import NO_SECRETS
from hydra_vertex.launcher.secrets.shell import shell_command
from hydra_vertex.protocol.command import SEPARATOR

_PIPELINE = "pipeline.json"
_PLACE = ("--project", "PROJECT", "--location", "LOCATION", "--root", "gs://BUCKET/runs")
_GROUP_OF_SEARCH_FILES = "hparams_search="


def commands_for(image: str, app: Sequence[str], *, trial_only: bool) -> tuple[str, ...]:
    """Return the commands that run a study with the image, with placeholders in capitals.

    An image of a trial alone cannot run the pipeline's steps, so its study is a tuning job.
    """
    has_search = any(word.lstrip("+").startswith(_GROUP_OF_SEARCH_FILES) for word in app)
    study = (*(() if has_search else ("--search", "FILE")), "--image", image, SEPARATOR, *app)
    if trial_only:
        return (_text(["hydra-vertex", "job", "-o", "job.yaml", "--root", "gs://BUCKET/runs", *study]),)
    return (
        _text(["hydra-vertex", "compile", "-o", _PIPELINE, "--image", image]),
        _text(["hydra-vertex", "submit", _PIPELINE, *_PLACE, *study]),
    )


def _text(words: Sequence[str]) -> str:
    return str(shell_command(words, NO_SECRETS))
