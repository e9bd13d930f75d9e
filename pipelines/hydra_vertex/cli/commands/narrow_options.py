"""The option `--narrow`: a search space that is narrowed to the best trials of earlier studies.

It is for studies whose service cannot be given earlier trials: those of Vertex AI and of pipelines in a cluster.
"""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import say, show, show_table
from hydra_vertex.protocol.errors import CommandError, UserError

from .earlier_options import OPTION, EarlierStudies, earlier_studies_from

if TYPE_CHECKING:
    from hydra_vertex.job import ParameterSpec
    from hydra_vertex.launcher.earlier.narrowing import Narrowing
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json

NARROW = "--narrow"
_LEFT_OUT = "left out"
_ALL = (
    "the narrowed search space is all that the study takes from earlier ones: nothing outside of it is "
    "tried, and the search neither begins with their trials nor learns from them (docs/start-from.md)"
)


@dataclass(frozen=True, slots=True)
class NarrowedPlan:
    """A plan whose search space is narrowed if the option asks for it, and what is different; None without it."""

    plan: TuningPlan
    narrowing: Narrowing | None = None

    def lines(self) -> tuple[str, ...]:
        """Return sentences about the new search space; none without the option."""
        if self.narrowing is None:
            return ()
        trials = self.narrowing.best_trials
        found = "" if self.narrowing.changes else f"the best {trials} earlier trials take up the whole search space"
        return (
            *([f"{NARROW}: {found}, so nothing is narrowed"] if found else []),
            *(f"{name}: none of the best earlier trials has it, so it is not narrowed" for name in self._unknown()),
            *(f"{name}: its default is outside of the narrowed range and left out" for name in self._lost_defaults()),
            _ALL,
        )

    def show_table(self) -> None:
        """Print the old and the new values of the parameters that have changed."""
        if self.narrowing is not None and self.narrowing.changes:
            title = f"narrowed to the best {self.narrowing.best_trials} earlier trials"
            show_table(("parameter", "in the search space", "narrowed to"), self.rows(), title)

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the name, the old and the new values of each parameter that has changed."""
        changes = () if self.narrowing is None else self.narrowing.changes
        return [(change.old.id, _described(change.old), _described(change.new)) for change in changes]

    def document(self) -> Json:
        """Return the changes for `check --json`; `to` is null for a parameter that exists no more."""
        changes = () if self.narrowing is None else self.narrowing.changes
        return [
            {
                "parameter": change.old.id,
                "from": _described(change.old),
                "to": None if change.new is None else _described(change.new),
            }
            for change in changes
        ]

    def _unknown(self) -> tuple[str, ...]:
        return () if self.narrowing is None else self.narrowing.unknown

    def _lost_defaults(self) -> tuple[str, ...]:
        return () if self.narrowing is None else self.narrowing.without_default


def add_narrow_option(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        NARROW,
        action="store_true",
        help=f"narrow the search space to the best trials of the studies of {OPTION}, for a study on Vertex AI or in a "
        "cluster, which takes nothing else of them; `check` shows the old and the new ranges",
    )


def narrowing_studies(plan: TuningPlan, arguments: argparse.Namespace) -> EarlierStudies:
    """Return the earlier studies that narrow the search space of a study elsewhere. Raises UserError."""
    return earlier_studies_from(plan, arguments, narrows=True)


def require_narrow(arguments: argparse.Namespace, taker: str = "a tuning job of Vertex AI") -> None:
    """Refuse earlier studies that do not narrow the search space, which the `taker` can do nothing else with.

    Raises UserError.
    """
    require_sources(arguments)
    if arguments.start_from and not arguments.narrow:
        raise UserError(
            f"{OPTION} {arguments.start_from[0]}: {taker} takes no earlier trials and no first points; leave the "
            f"option out, or add {NARROW} to narrow the search space to the best earlier trials "
            f"(`hydra-vertex check {OPTION} … {NARROW}` shows to what)"
        )


def require_sources(arguments: argparse.Namespace) -> None:
    """Raises CommandError for the option without an earlier study."""
    if arguments.narrow and not arguments.start_from:
        raise CommandError(f"{NARROW} needs an earlier study; add {OPTION} job.json|RUN_FOLDER|RESOURCE|best.yaml")


def narrowed_plan(plan: TuningPlan, earlier: EarlierStudies, arguments: argparse.Namespace) -> NarrowedPlan:
    """Return the plan with the narrowed search space and a label that says so. Raises UserError.

    The plan is one that was checked with the app: then a value that is left out takes its conditional parameters along.
    """
    if not arguments.narrow:
        return NarrowedPlan(plan)
    from hydra_vertex.job.narrowed import narrowed_labels
    from hydra_vertex.launcher.earlier.narrowing import LEAST_TRIALS, narrow

    found = narrow(plan.study_spec, earlier.jobs)
    if found is None:
        raise UserError(
            f"{NARROW}: no source has {LEAST_TRIALS} trials with a value in the search space, or points to try, so "
            f"there is nothing to narrow it to; leave {NARROW} and {OPTION} out"
        )
    label = narrowed_labels(len(found.changes), found.best_trials, len(earlier.jobs)) if found.changes else {}
    narrowed = dataclasses.replace(plan, study_spec=found.spec, labels={**plan.labels, **label})
    return NarrowedPlan(narrowed, found)


def say_narrowed(earlier: EarlierStudies, narrowed: NarrowedPlan) -> None:
    """Print on stderr what the earlier studies are and how they have narrowed the search space."""
    changes = (
        f"{name}: {old} is {new if new == _LEFT_OUT else f'narrowed to {new}'}" for name, old, new in narrowed.rows()
    )
    for line in (*earlier.notices, *changes, *narrowed.lines()):
        say(line)


def show_narrowed(narrowed: NarrowedPlan) -> None:
    """Print as a result how the earlier studies have narrowed the search space."""
    narrowed.show_table()
    for line in narrowed.lines():
        show(line)


def _described(parameter: ParameterSpec | None) -> str:
    from hydra_vertex.launcher.preflight.space_table import describe_domain

    return _LEFT_OUT if parameter is None else describe_domain(parameter)
