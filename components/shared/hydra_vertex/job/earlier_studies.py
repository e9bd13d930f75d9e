"""The earlier studies of a job: documents in a file of the service's folder, which a label of the job names.

The API has no field for them: `transferLearningConfig` of v1beta1 names no studies of the user, its `priorStudyNames`
are output only. Only the embedded service reads the file. It has the form of the API's
ListHyperparameterTuningJobsResponse, and its name contains a digest of its content, so that a job determines them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json

from .document import HyperparameterTuningJob, dump_job, parse_job
from .trial import Trial
from .trial_job_spec import TrialJobSpec

EARLIER_STUDIES_LABEL = "hydra-vertex-earlier-studies"
_DIGEST = re.compile(r"[0-9a-f]{40}")
_JOBS, _SOURCES = "hyperparameterTuningJobs", "sources"


def earlier_studies_labels(digest: str) -> dict[str, str]:
    """Return the label of a file with that digest; no label for an empty one."""
    return {EARLIER_STUDIES_LABEL: digest} if digest else {}


def earlier_studies_digest(labels: Mapping[str, str]) -> str:
    """Return the digest in a job's labels; empty without one. Raises DocumentError for a text that is no digest."""
    text = labels.get(EARLIER_STUDIES_LABEL, "")
    if text and _DIGEST.fullmatch(text) is None:
        raise DocumentError(f"labels.{EARLIER_STUDIES_LABEL}", "is not the digest that `run --start-from` writes")
    return text


def earlier_studies_file(service_folder: Path, digest: str) -> Path:
    """Return the file of the earlier studies in a service's folder."""
    return service_folder / f"service.earlier-{digest}.json"


def digest_in_name(file: Path) -> str:
    """Return the digest in the name of a file of earlier studies."""
    return file.stem.rpartition("-")[2]


def earlier_studies_text(jobs: Iterable[HyperparameterTuningJob], sources: Iterable[str]) -> tuple[str, str]:
    """Return the content of the file, and its digest. `sources` are what the user gave, to recognise it again.

    Of each job only the space, the metrics and the outcomes of its trials are kept: no command, variable or curve.
    """
    content: dict[str, Json] = {_SOURCES: list(sources), _JOBS: [dump_job(_reduced(job)) for job in jobs]}
    text = json.dumps(content, indent=1) + "\n"
    return text, hashlib.sha256(text.encode()).hexdigest()[:40]


def parse_earlier_studies(text: str, digest: str) -> tuple[HyperparameterTuningJob, ...]:
    """Return the jobs in the file's content. Raises DocumentError when it is damaged."""
    if hashlib.sha256(text.encode()).hexdigest()[:40] != digest:
        raise DocumentError("", "the file of the earlier studies has changed since the job was created")
    document = json.loads(text)
    jobs = document.get(_JOBS) if isinstance(document, dict) else None
    if not isinstance(jobs, list):
        raise DocumentError(_JOBS, "expected a list of jobs")
    return tuple(parse_job(job, f"{_JOBS}[{index}]") for index, job in enumerate(jobs))


def sources_in(text: str) -> tuple[str, ...]:
    """Return the sources in the file's content; none when it is damaged."""
    try:
        document = json.loads(text)
    except ValueError:
        return ()
    sources = document.get(_SOURCES) if isinstance(document, dict) else None
    return tuple(str(source) for source in sources) if isinstance(sources, list) else ()


def _reduced(job: HyperparameterTuningJob) -> HyperparameterTuningJob:
    return HyperparameterTuningJob(
        display_name=job.display_name,
        name=job.name,
        study_spec=job.study_spec,
        trial_job_spec=TrialJobSpec(worker_pools=()),
        max_trial_count=max(job.max_trial_count, 1),
        parallel_trial_count=1,
        trials=tuple(_outcome(trial) for trial in job.trials),
    )


def _outcome(trial: Trial) -> Trial:
    return Trial(
        id=trial.id,
        state=trial.state,
        parameters=trial.parameters,
        final_measurement=trial.final_measurement,
        stopping_reason=trial.stopping_reason,
    )
