"""The options by which the best configurations of a study are repeated with several seeds."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import whole_number, word
from hydra_vertex.cli.output import say, show, show_table
from hydra_vertex.protocol.errors import CommandError

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.launcher.confirm.result import Confirmation
    from hydra_vertex.launcher.study.job_source import JobSource
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json

REPEATS = 5
"""The number of seeds unless another is given."""


def add_confirm_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("confirmation")
    group.add_argument(
        "--confirm",
        type=whole_number(1),
        metavar="K",
        help="after the study, run its best K configurations again with several seeds, and select by the mean "
        "(default: select by the study's own values)",
    )
    group.add_argument(
        "--repeats", type=whole_number(2), metavar="R", help=f"number of seeds for each (default: {REPEATS})"
    )
    group.add_argument(
        "--seed-key", type=word, metavar="KEY", help="the app's key for its seed, such as seed; needed by --confirm"
    )
    group.add_argument(
        "--first-seed",
        type=whole_number(0),
        metavar="N",
        help="the seeds are N, N + 1, … (default: 1000), other than the one that the study runs with",
    )


def with_confirmation(plan: TuningPlan, arguments: argparse.Namespace) -> TuningPlan:
    """Return the plan with what is to be repeated. Raises UserError for options that contradict each other or it."""
    from hydra_vertex.launcher.confirm.settings import FIRST_SEED, ConfirmSettings
    from hydra_vertex.pipelines.confirmation import require_confirmable

    if arguments.confirm is None:
        for name in ("repeats", "seed_key", "first_seed"):
            if getattr(arguments, name) is not None:
                raise CommandError(
                    f"--{name.replace('_', '-')} needs --confirm, the number of configurations to repeat"
                )
        return plan
    if arguments.seed_key is None:
        raise CommandError("--confirm needs --seed-key, the app's key for its seed, such as --seed-key seed")
    settings = ConfirmSettings(
        arguments.confirm,
        REPEATS if arguments.repeats is None else arguments.repeats,
        arguments.seed_key,
        FIRST_SEED if arguments.first_seed is None else arguments.first_seed,
    )
    require_confirmable(plan, settings)
    return dataclasses.replace(plan, confirm=settings)


def confirmation_lines(plan: TuningPlan) -> Iterator[str]:
    """Yield a line about what follows the study; none without a confirmation."""
    if plan.confirm is not None:
        settings = plan.confirm
        key, seeds = settings.seed_key.lstrip("+"), settings.seeds
        yield (
            f"then the best {settings.configurations} again with {settings.repeats} seeds each "
            f"({key} = {seeds[0]} to {seeds[-1]}): {settings.trials} further trials"
        )


def confirmation_in(job: Path) -> Confirmation | None:
    """Return the result of the repeats in the folder of a run, whose study is the file `job`; None without repeats."""
    from hydra_vertex.launcher.study.job_source import find_job

    source = find_job(str(job))
    return confirmation_of_study(source, source.job())


def confirmation_of_study(source: JobSource, study: HyperparameterTuningJob) -> Confirmation | None:
    """Return the result of the repeats of a study; None without repeats, or with those of fewer trials of the study.

    One line says so in the latter case, and when the service, which gives the job, does not list jobs for this account.
    """
    from http import HTTPStatus

    from hydra_vertex.launcher.confirm.find import find_confirmation
    from hydra_vertex.launcher.confirm.job import newer_configurations
    from hydra_vertex.protocol.errors import ServiceError

    try:
        found = find_confirmation(source, study)
    except ServiceError as error:
        if error.http_status != HTTPStatus.FORBIDDEN:
            raise
        say(f"whether its best configurations were repeated is unknown: {error}")
        return None
    newer = () if found is None else newer_configurations(study, [item.trial for item in found.configurations])
    if newer:
        say(
            f"the repeats of its best configurations are not used: they are older than trial {', '.join(newer)}, which "
            "is among the best now; run it with --confirm again"
        )
        return None
    return found


def show_confirmation(confirmation: Confirmation | None) -> None:
    """Print the result of the repeats as a table and sentences."""
    if confirmation is None:
        return
    from hydra_vertex.launcher.confirm.text import HEADINGS, rows, sentences

    if confirmation.selected is not None:
        show_table(HEADINGS, rows(confirmation), f"{confirmation.metric.id} with other seeds")
    for sentence in sentences(confirmation):
        show(sentence)


def confirmation_document(confirmation: Confirmation | None) -> Json:
    """Return the result of the repeats as JSON; null without repeats."""
    from hydra_vertex.launcher.confirm.text import document

    return None if confirmation is None else document(confirmation)
