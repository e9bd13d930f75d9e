"""Prints the explanation of an app's command line, or writes it to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.explanation import Explanation, dump_explanation
from hydra_vertex.protocol.files import write_atomic

from .log import show


def output(explanation: Explanation, program: Sequence[str], file: Path | None) -> None:
    """Write the explanation to the file as JSON; without a file, print it as text. Raises OutputError."""
    if file is not None:
        write_explanation(explanation, file)
        return
    from hydra_vertex.trial.overrides.explain import render

    show(render(explanation, program))


def write_explanation(explanation: Explanation, file: Path) -> None:
    """Write the explanation as JSON. Raises OutputError."""
    try:
        write_atomic(file, json.dumps(dump_explanation(explanation), indent=2) + "\n")
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error
