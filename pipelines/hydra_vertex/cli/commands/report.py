"""`hydra-vertex report`: writes an HTML report of a finished or running job."""

from __future__ import annotations

import argparse
from pathlib import Path

from hydra_vertex.cli.option_types import file_path
from hydra_vertex.cli.output import show, show_json

from .study_options import add_json_option, add_parser


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "report",
        "write a self-contained HTML report of a job",
        "hydra-vertex report runs/docs/job.json -o report.html",
    )
    parser.add_argument("job", type=file_path, metavar="job.json", help="a HyperparameterTuningJob, finished or not")
    parser.add_argument(
        "-o",
        "--output",
        type=file_path,
        default=Path("report.html"),
        metavar="FILE",
        help="output (default: report.html)",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report, in which the best trial, if any, is marked."""
    from hydra_vertex.launcher.best.selection import rank
    from hydra_vertex.launcher.files.job_file import read_job
    from hydra_vertex.launcher.report import write_report

    job = read_job(arguments.job)
    write_report(job, arguments.output, best=next(iter(rank(job)), None))
    if arguments.json:
        show_json({"report": str(arguments.output), "trials": len(job.trials)})
    else:
        show(f"{arguments.output}: {len(job.trials)} trials of {job.display_name}")
    return 0
