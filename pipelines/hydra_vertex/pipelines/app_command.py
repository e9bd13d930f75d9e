"""The app's command of a plan: the one that the user typed, or that of a search file that is a whole job."""

from __future__ import annotations

import shlex

from hydra_vertex.launcher.arguments import argument_problem
from hydra_vertex.launcher.preflight.job_builder import override_count
from hydra_vertex.launcher.search_space import SearchSpace
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError, SearchSpaceError


def chosen_command(typed: tuple[str, ...], space: SearchSpace | None, source: str) -> tuple[str, ...]:
    """Return the app's command, which a file that is a whole job has too. Raises CommandError, SearchSpaceError.

    The file's command may end with what an earlier search file has set in the app's config.
    """
    in_file = () if space is None else space.app
    require_command(typed or in_file)
    if space is None or not in_file:
        return typed
    own = in_file[: len(in_file) - override_count(space.labels)]
    if typed and typed not in {in_file, own}:
        raise SearchSpaceError(
            f"{source}: the app's command in containerSpec.command is {excerpt(shlex.join(in_file))}, and the one "
            f"after -- is {excerpt(shlex.join(typed))}; leave the one after -- out, or remove the container's command"
        )
    return in_file


def require_command(app: tuple[str, ...]) -> None:
    """Check that there is a command, which a job document can hold. Raises CommandError."""
    if not app:
        raise CommandError("the app's command is missing; give it after --, as in `-- python train.py experiment=docs`")
    for part in app:
        if problem := argument_problem(part):
            raise CommandError(f"the app's command: {excerpt(repr(part))} {problem}")
