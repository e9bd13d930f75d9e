"""Asks the app for what its search file or its command leave to the app's composed config."""

from __future__ import annotations

from hydra_vertex.launcher.preflight.ask_app import asking
from hydra_vertex.launcher.search_space import SearchSpace, parse_composed
from hydra_vertex.launcher.text.terminal import excerpt, is_name
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.explanation import StudyPart

SOURCE = "the app's config"
"""The place of a search space that the app's command chooses, in messages."""


def composed_space(app: tuple[str, ...]) -> SearchSpace:
    """Return the search space that `hydra.sweeper` of the app's composed config has.

    Raises SearchSpaceError when it has none, and what `asking` raises when the app refuses its arguments or fails.
    """
    study = _study(app)
    if not any(study.sweeper.get(name) for name in SPACES):
        raise SearchSpaceError(
            "no search space: give --search FILE, or choose a search file in the app's command, such as "
            f"hparams_search=NAME; {SOURCE} has no hydra.sweeper.params"
        )
    space = parse_composed(study.sweeper, study.optimized_metric, SOURCE)
    return with_composed_metric(space, app, SOURCE) if space.metric_is_in_app else space


def with_composed_metric(space: SearchSpace, app: tuple[str, ...], source: str) -> SearchSpace:
    """Return the space with the metric's name that the app's composed config has. Raises SearchSpaceError."""
    written = space.study_spec.objective.id
    name = _study(app).optimized_metric
    if not isinstance(name, str) or not is_name(name) or "${" in name:
        raise SearchSpaceError(
            f"{source}: optimized_metric is {excerpt(written)}, which is {excerpt(repr(name))} in {SOURCE}; expected "
            "the name of a metric, such as val/loss"
        )
    return space.with_metric(name)


def _study(app: tuple[str, ...]) -> StudyPart:
    with asking(app) as pending:
        return pending.connected().explain().study


SPACES = ("params", "ax_config", "parametrization", "search_space", "custom_search_space")
"""The keys of `hydra.sweeper` that can have a search space."""
