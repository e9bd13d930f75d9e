"""`hydra-vertex job`: checks a study, and prints the tuning job that `submit` would have created."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path, word
from hydra_vertex.cli.output import say, show_json
from hydra_vertex.launcher.decisions import FAIL
from hydra_vertex.protocol.errors import CommandError

from .app_check import file_content, require_checked_plan
from .capacity_options import tries_several
from .earlier_options import add_start_from_option
from .narrow_options import add_narrow_option, narrowed_plan, narrowing_studies, require_narrow, say_narrowed
from .study_options import APP_USAGE, add_json_option, add_no_check_option, add_parser, add_tuning_options, plan_from
from .trial_machine_options import add_machine_check_option, add_trial_job_options, trial_settings, with_own_folder

if TYPE_CHECKING:
    from pathlib import Path

    from hydra_vertex.protocol.json import JsonObject


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "job",
        "check, then print the tuning job that submit would create, for gcloud or the SDK",
        "hydra-vertex job -o job.yaml --root gs://b/runs --search conf/hparams_search/docs.yaml \\\n"
        "    --image europe-docker.pkg.dev/p/r/train:1 -- python train.py experiment=docs\n"
        "  gcloud ai hp-tuning-jobs create --region=europe-west4 --display-name=docs --config=job.yaml",
        f"[-o job.yaml] --root gs://… {APP_USAGE}",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=file_path,
        metavar="FILE",
        help="a .yaml or .json file (default: YAML on stdout, or JSON with --json)",
    )
    parser.add_argument(
        "--root", type=word, metavar="gs://…", help="folder for the output of the trials, unless the file has one"
    )
    add_trial_job_options(parser)
    add_tuning_options(parser)
    add_start_from_option(parser)
    add_narrow_option(parser)
    add_no_check_option(parser)
    add_machine_check_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check everything that `submit` checks, then write the document. Raises UserError."""
    from hydra_vertex.job import dump_job
    from hydra_vertex.pipelines.effect import without_effect_on_vertex
    from hydra_vertex.pipelines.job_text import require_job_file
    from hydra_vertex.pipelines.planned_job import planned_job
    from hydra_vertex.protocol.private_files import private_files

    require_narrow(arguments)
    _refuse_options_of_pipelines(arguments)
    if arguments.output is not None:
        require_job_file(arguments.output)
    if tries_several(arguments):
        raise CommandError("--strategy: a job has one strategy; give one, or send a list with `hydra-vertex submit`")
    plan = with_own_folder(plan_from(arguments, trials=trial_settings(arguments)))
    if plan.has_secrets() and arguments.output is None:
        raise CommandError(
            "the job has a secret, which a terminal shows to others; give -o FILE, which only you can read"
        )
    planned_job(plan)
    earlier = narrowing_studies(plan, arguments)
    for line in file_content(plan):
        say(line)
    if not arguments.no_check:
        plan = require_checked_plan(plan, arguments, on_vertex=True)
    narrowed = narrowed_plan(plan, earlier, arguments)
    say_narrowed(earlier, narrowed)
    plan = narrowed.plan
    job = planned_job(plan)
    for line in without_effect_on_vertex(plan):
        say(line)
    with private_files() if plan.has_secrets() else contextlib.nullcontext():
        _write(dump_job(job), arguments.output, as_json=arguments.json)
    if arguments.output is not None:
        _show_written(job.display_name, arguments.output, as_json=arguments.json)
    return 0


def _refuse_options_of_pipelines(arguments: argparse.Namespace) -> None:
    """Refuse the shared options that say what a pipeline does with a finished study."""
    given = {
        "--on-unsuccessful-job": arguments.on_unsuccessful_job != FAIL,
        "--metric-threshold": arguments.metric_threshold is not None,
        "--on-missed-threshold": arguments.on_missed_threshold != FAIL,
        "--confirm": arguments.confirm is not None,
    }
    for option in (name for name, is_given in given.items() if is_given):
        raise CommandError(f"{option} is for a pipeline, and a tuning job has no such field; leave it out")


def _write(document: JsonObject, output: Path | None, *, as_json: bool) -> None:
    from hydra_vertex.launcher.text.terminal import printable
    from hydra_vertex.pipelines.job_text import job_text, write_job

    if output is not None:
        write_job(document, output)
    elif as_json:
        # The form is that of the API, which takes no field `schema`.
        show_json(document, indent=2)
    else:
        print(printable(job_text(document, ".yaml")), end="")


def _show_written(display_name: str, output: Path, *, as_json: bool) -> None:
    command = _gcloud_command(display_name, output)
    say(f"{output}: {command}")
    if as_json:
        show_document("job-file", {"file": str(output), "displayName": display_name, "command": command})


def _gcloud_command(display_name: str, output: Path) -> str:
    parts = ("--region=REGION", f"--display-name={display_name}", f"--config={output}")
    return f"gcloud ai hp-tuning-jobs create {shlex.join(parts)}"
