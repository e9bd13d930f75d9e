"""Builds the command that starts `hydra-trial` on an app, in this installation."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hydra_vertex.protocol.command import SEPARATOR, own_words_option


def trial_process(options: Sequence[str], app: Sequence[str], parameters: Sequence[str] = ()) -> list[str]:
    """Return the command line of `hydra-trial` with these options. It finds the app's Python on PATH, as a shell does.

    The interpreter is this one, and the environment has to be this process's own.
    """
    command = [sys.executable, "-m", "hydra_vertex.trial", *options, *own_words_option(app)]
    return [*command, SEPARATOR, *app, *parameters]
