"""`hydra-vertex export`: writes a job as an Optuna study."""

from __future__ import annotations

import argparse

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import optuna_study, resource
from hydra_vertex.cli.output import show

from .job_options import add_resource_argument, read_job_at
from .study_options import add_json_option, add_parser


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "export",
        "write a job, finished or not, as a study of an Optuna storage, which Optuna Dashboard opens",
        "hydra-vertex export runs/docs --optuna docs.db && optuna-dashboard sqlite:///docs.db",
    )
    add_resource_argument(parser)
    parser.add_argument(
        "--optuna",
        type=resource,
        required=True,
        metavar="FILE",
        help="the storage: a SQLite file, a journal file (*.log, *.journal), or a database URL such as sqlite:///FILE; "
        "an existing storage gets one more study",
    )
    parser.add_argument(
        "--study",
        type=optuna_study,
        metavar="NAME",
        help="the name of the study (default: the display name and the id of the job)",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the job and write its study. The secrets of the job are masked."""
    import os

    from hydra_vertex.launcher.optuna_storage.export import export_study, study_name_of
    from hydra_vertex.launcher.optuna_storage.place import storage_to_write
    from hydra_vertex.launcher.secrets.of_job import masker_of, without_secrets

    place = storage_to_write(arguments.optuna)
    job = read_job_at(
        arguments.resource,
        project=arguments.project or "",
        location=arguments.location or "",
        api_endpoint=arguments.api_endpoint or "",
    )
    job = without_secrets(job, masker_of(job, os.environ))
    name = arguments.study or study_name_of(job)
    export_study(job, place, name)
    if arguments.json:
        show_document("export", {"storage": place.text, "study": name, "trials": len(job.trials)})
    else:
        show(
            f"{place.text}: the study {name} with {len(job.trials)} trials\n  {_how_to_open(place.text, place.address)}"
        )
    return 0


def _how_to_open(text: str, address: str) -> str:
    """Return the command that opens the storage, without the password that a URL may have."""
    return f"optuna-dashboard {text if '://' in text else address}"
