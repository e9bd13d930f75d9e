"""The option `--start-from`: earlier studies that a new study begins with."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import resource
from hydra_vertex.protocol.errors import UserError

from .job_options import read_job_at

if TYPE_CHECKING:
    from hydra_vertex.job import HyperparameterTuningJob
    from hydra_vertex.pipelines.plan import TuningPlan

OPTION = "--start-from"
_EXPERIMENT_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class EarlierStudies:
    """The earlier studies of a plan: the content and the digest of their file, and what to say about them.

    All are empty without the option. `ranges` are those of the best trials. `jobs` are the studies, unless a run goes
    on with those of its folder.
    """

    text: str = ""
    digest: str = ""
    notices: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    jobs: tuple[HyperparameterTuningJob, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Return the lines that `check` prints."""
        return (*self.notices, *self.ranges)

    def write(self, service_folder: Path) -> None:
        """Write the file into the folder of the service that will run the study. Raises OSError."""
        from hydra_vertex.job.earlier_studies import earlier_studies_file
        from hydra_vertex.protocol.files import write_atomic

        if self.digest:
            service_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(earlier_studies_file(service_folder, self.digest), self.text)


def add_start_from_option(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        OPTION,
        type=resource,
        action="append",
        default=[],
        metavar="SOURCE",
        help="begin with an earlier study: a job.json, the folder of a run, the resource name of a job, an Optuna "
        "storage, or an experiment file such as best.yaml; may be repeated. Only `run` uses it as such: see --narrow",
    )


def earlier_studies_from(
    plan: TuningPlan, arguments: argparse.Namespace, service_folder: Path | None = None, *, narrows: bool = False
) -> EarlierStudies:
    """Read the earlier studies of the option, and compare them with the plan's search space.

    A run that goes on in `service_folder` keeps those with which it began, also where a source has changed or is gone.
    `narrows`: their best trials narrow the search space, and are of no other use.
    Raises UserError for a source that cannot be used and for an algorithm that uses none, ServiceError.
    """
    from hydra_vertex.job.earlier_studies import earlier_studies_text
    from hydra_vertex.launcher.earlier.comparison import best_ranges, notices
    from hydra_vertex.launcher.optuna_storage.place import without_password

    if not arguments.start_from:
        return EarlierStudies()
    _require_model(plan, narrows=narrows)
    sources = [_absolute(source) for source in arguments.start_from]
    kept = None if service_folder is None else _kept(service_folder, sources)
    if kept is not None:
        return kept
    jobs = [_read(source, plan) for source in arguments.start_from]
    said = [
        line
        for source, job in zip(arguments.start_from, jobs, strict=True)
        for line in notices(job, without_password(source), plan.study_spec, narrows=narrows)
    ]
    text, digest = earlier_studies_text(jobs, sources)
    return EarlierStudies(text, digest, tuple(said), tuple(best_ranges(jobs, plan.study_spec)), tuple(jobs))


def labelled(plan: TuningPlan, earlier: EarlierStudies) -> TuningPlan:
    """Return the plan with the label by which the service finds the earlier studies."""
    from hydra_vertex.job.earlier_studies import earlier_studies_labels

    return dataclasses.replace(plan, labels={**plan.labels, **earlier_studies_labels(earlier.digest)})


def _require_model(plan: TuningPlan, *, narrows: bool) -> None:
    """Check that the study can take earlier trials into account. Raises UserError.

    A narrowed space needs no model.
    """
    from hydra_vertex.job import Algorithm
    from hydra_vertex.pipelines.objectives import require_one_objective

    algorithm = plan.study_spec.algorithm
    if algorithm in {Algorithm.GRID_SEARCH, Algorithm.RANDOM_SEARCH} and not narrows:
        raise UserError(
            f"{OPTION}: the algorithm of {plan.source} is {algorithm.value}, which uses no earlier trials; leave the "
            "option out, or the algorithm, or for a study on Vertex AI give --narrow too"
        )
    require_one_objective(plan.study_spec, f"{OPTION} compares earlier trials by one metric")


def _read(source: str, plan: TuningPlan) -> HyperparameterTuningJob:
    """Return the study of a source; a YAML file that is no job is an experiment file."""
    from hydra_vertex.launcher.earlier.experiment_point import requested_study

    path = Path(source)
    if path.suffix in _EXPERIMENT_SUFFIXES and path.is_file():
        from hydra_vertex.launcher.files.job_file import is_job, load_document
        from hydra_vertex.launcher.files.reading import JOB_FILE, read_text

        document = load_document(read_text(path, JOB_FILE), path)
        if isinstance(document, dict) and not is_job(document) and "resources" not in document:
            return requested_study(document, source, plan.study_spec, plan.aliases)
    job = _study_in_storage(source) or read_job_at(source)
    if not job.study_spec.metrics and any(trial.final_measurement for trial in job.trials):
        raise UserError(f"{OPTION} {source}: its studySpec.metrics is empty, so its trials cannot be ranked")
    return job


def _study_in_storage(source: str) -> HyperparameterTuningJob | None:
    """Return the study of an Optuna storage, `STORAGE` or `STORAGE#STUDY`; None for another source."""
    from hydra_vertex.launcher.optuna_storage.place import storage_to_read

    before, _, name = source.rpartition("#")
    place, study = (storage_to_read(before), name) if before else (None, "")
    if place is None:
        place, study = storage_to_read(source), ""
    if place is None:
        return None
    from hydra_vertex.launcher.optuna_storage.read import read_study

    return read_study(place, study, f"{OPTION} {place.text}#NAME")


def _absolute(source: str) -> str:
    return str(Path(source).absolute()) if Path(source).exists() else source


def _kept(service_folder: Path, sources: Sequence[str]) -> EarlierStudies | None:
    """Return the earlier studies with which a run in the folder began; None when it began with others, or with none."""
    from hydra_vertex.job.earlier_studies import digest_in_name, earlier_studies_file, sources_in

    for file in sorted(service_folder.glob(earlier_studies_file(Path(), "*").name)):
        text = file.read_text(encoding="utf-8")
        if list(sources_in(text)) == list(sources):
            return EarlierStudies(
                text, digest_in_name(file), ("the earlier studies are those with which the run began",)
            )
    return None
