"""The SQL statements that write and read the rows of the tables in `schema`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from hydra_vertex.job import (
    CustomJob,
    HyperparameterTuningJob,
    JobState,
    Trial,
    dump_custom_job,
    dump_job,
    dump_trial,
    parse_custom_job,
    parse_job,
    parse_trial,
)
from hydra_vertex.job.fields import parse_time
from hydra_vertex.job.pipeline_job import PipelineJob, PipelineState, dump_pipeline_job, parse_pipeline_job
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.resource_names import ANY_PARENT, JobKind
from hydra_vertex.service.system.process_identity import ProcessId

ROWS_AT_ONCE = 8
"""Rows per fetch of documents, which can be 1 MB each: no other request is answered during a fetch."""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A tuning job as it was stored, and the supervisor processes of its trials by trial id."""

    id: str
    job: HyperparameterTuningJob
    processes: dict[str, ProcessId]


@dataclass(frozen=True, slots=True)
class StoredCustomJob:
    """A custom job as it was stored, and its supervisor process; None when it has none."""

    id: str
    job: CustomJob
    process: ProcessId | None


@dataclass(frozen=True, slots=True)
class StoredPipeline:
    """A pipeline job as it was stored, and its supervisor process; None when it has none.

    `id` is the number of its row; the id in its name is the one that its creator gave.
    """

    id: str
    job: PipelineJob
    process: ProcessId | None


def insert_job(db: sqlite3.Connection, parent: str, kind: JobKind) -> str:
    """Insert a row for a job, with an empty document. Return its new id."""
    row = db.execute("INSERT INTO jobs (parent, document, kind) VALUES (?, '', ?)", (parent, kind.value))
    return str(row.lastrowid)


def write_job(db: sqlite3.Connection, job_id: str, job: HyperparameterTuningJob) -> None:
    """Write the document of a tuning job without its trials."""
    document = json.dumps(dump_job(replace(job, trials=())))
    db.execute("UPDATE jobs SET document = ? WHERE id = ?", (document, int(job_id)))


def write_trial(db: sqlite3.Connection, job_id: str, trial: Trial, process: ProcessId | None) -> None:
    """Write one trial, with its supervisor process."""
    db.execute(
        "INSERT INTO trials (job, number, document, pid, start_ticks) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (job, number) DO UPDATE SET "
        "document = excluded.document, pid = excluded.pid, start_ticks = excluded.start_ticks",
        (int(job_id), int(trial.id), json.dumps(dump_trial(trial)), *_columns(process)),
    )


def write_custom_job(db: sqlite3.Connection, job_id: str, job: CustomJob, process: ProcessId | None) -> None:
    """Write a custom job, with its supervisor process."""
    _write_run(db, job_id, dump_custom_job(job), process)


def insert_pipeline(db: sqlite3.Connection, parent: str, given_id: str) -> str | None:
    """Insert a row for a pipeline job, with an empty document. Return its new number; None when the id is in use."""
    row = db.execute(
        "INSERT INTO jobs (parent, document, kind, given_id) VALUES (?, '', ?, ?) ON CONFLICT DO NOTHING",
        (parent, JobKind.PIPELINE.value, given_id),
    )
    return str(row.lastrowid) if row.rowcount else None


def write_pipeline(db: sqlite3.Connection, number: str, job: PipelineJob, process: ProcessId | None) -> None:
    """Write a pipeline job, with its supervisor process."""
    _write_run(db, number, dump_pipeline_job(job), process)


def load_pipeline(db: sqlite3.Connection, number: int) -> StoredPipeline:
    """Read a pipeline job."""
    document, process = _read_run(db, number)
    return StoredPipeline(str(number), parse_pipeline_job(document), process)


def number_of(db: sqlite3.Connection, parent: str, kind: JobKind, job_id: str) -> str | None:
    """Return the number of the row of a job, which is also its id unless its creator gave one; None for no such job."""
    found = db.execute(
        "SELECT id FROM jobs WHERE COALESCE(given_id, CAST(id AS TEXT)) = ? AND parent = ? AND kind = ?",
        (job_id, parent, kind.value),
    ).fetchone()
    return None if found is None else str(found[0])


def delete_job(db: sqlite3.Connection, job_id: str) -> None:
    """Delete a job and its trials."""
    db.execute("DELETE FROM jobs WHERE id = ?", (int(job_id),))


def was_deleted(db: sqlite3.Connection, job_id: int) -> bool:
    """Whether a job had this id and was deleted."""
    row = db.execute(
        "SELECT seq >= ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?) FROM sqlite_sequence WHERE name = 'jobs'",
        (job_id, job_id),
    ).fetchone()
    return row is not None and bool(row[0])


def job_state(db: sqlite3.Connection, parent: str, kind: JobKind, job_id: str) -> JobState | PipelineState | None:
    """Return the state of a job; None when there is no such job."""
    found = _job_document(db, parent, kind, job_id)
    return None if found is None else _state(object_in(found) or {})


def job_text(db: sqlite3.Connection, parent: str, kind: JobKind, job_id: str) -> str | None:
    """Return the complete document of a job as JSON text, composed without parsing; None when there is no such job."""
    found = _job_document(db, parent, kind, job_id)
    if found is None:
        return None
    if kind is not JobKind.TUNING:
        return found
    rows = db.execute("SELECT document FROM trials WHERE job = ? ORDER BY number", (int(job_id),))
    trials = ",".join(document for (document,) in rows)
    # The job's document contains at least its name, so a comma is valid here.
    return f'{found.removesuffix("}")},"trials":[{trials}]}}' if trials else found


def _job_document(db: sqlite3.Connection, parent: str, kind: JobKind, job_id: str) -> str | None:
    found = db.execute(
        "SELECT document FROM jobs WHERE COALESCE(given_id, CAST(id AS TEXT)) = ? AND parent = ? AND kind = ?",
        (job_id, parent, kind.value),
    ).fetchone()
    return None if found is None else str(found[0])


def find_trial(
    db: sqlite3.Connection, parent: str, job_id: str, trial_id: str
) -> tuple[HyperparameterTuningJob, Trial] | None:
    """Return a trial's job, without trials, and the trial; None when there is no such trial."""
    found = db.execute(
        "SELECT jobs.document, trials.document FROM jobs JOIN trials ON trials.job = jobs.id "
        "WHERE jobs.id = ? AND jobs.parent = ? AND trials.number = ?",
        (int(job_id), parent, int(trial_id)),
    ).fetchone()
    return None if found is None else (parse_job(json.loads(found[0])), parse_trial(json.loads(found[1])))


_OF_ALL = "SELECT id, document FROM jobs WHERE kind = ? AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?"
_OF_PARENT = _OF_ALL.replace("WHERE ", "WHERE parent = ? AND ")


def documents(
    db: sqlite3.Connection, parent: str, kind: JobKind, before: int | None
) -> Iterator[tuple[int, JsonObject]]:
    """Yield the ids and documents, without trials, of the jobs of a kind under a parent, newest first.

    Only jobs with an id less than `before`, unless it is None; those of all parents for ANY_PARENT. Damaged jobs, which
    were logged at the start, are omitted.
    """
    query, place = (_OF_ALL, ()) if parent == ANY_PARENT else (_OF_PARENT, (parent,))
    while rows := db.execute(query, (*place, kind.value, before, before, ROWS_AT_ONCE)).fetchall():
        for job_id, text in rows:
            if (document := object_in(text)) is not None:
                yield int(job_id), document
        before = int(rows[-1][0])


def latest_update(db: sqlite3.Connection) -> datetime | None:
    """Return the latest update time of all jobs; None when there is no job."""
    found = (object_in(text) for (text,) in db.execute("SELECT document FROM jobs").fetchall())
    times = [str(document["updateTime"]) for document in found if document and document.get("updateTime")]
    return max((parse_time(time, "updateTime") for time in times), default=None)


def unfinished_ids(db: sqlite3.Connection, kind: JobKind) -> list[int]:
    """Return the ids of the jobs of a kind that are not in a terminal state, oldest first, without damaged jobs."""
    rows = db.execute("SELECT id, document FROM jobs WHERE kind = ? ORDER BY id", (kind.value,)).fetchall()
    found = ((int(job_id), object_in(text)) for job_id, text in rows)
    return [job_id for job_id, document in found if document is not None and not _state(document).is_terminal]


def job_ids(db: sqlite3.Connection, kind: JobKind) -> list[int]:
    """Return the ids of all jobs of a kind, oldest first."""
    return [int(job_id) for (job_id,) in db.execute("SELECT id FROM jobs WHERE kind = ? ORDER BY id", (kind.value,))]


def rewrite_job(db: sqlite3.Connection, stored: StoredJob, job: HyperparameterTuningJob) -> None:
    """Write the job and those of its trials that differ from the stored ones."""
    if job == stored.job:
        return
    for before, trial in zip(stored.job.trials, job.trials, strict=True):
        if trial != before:
            write_trial(db, stored.id, trial, None)
    write_job(db, stored.id, job)


def load_job(db: sqlite3.Connection, job_id: int) -> StoredJob:
    """Read a tuning job with its trials."""
    (text,) = db.execute("SELECT document FROM jobs WHERE id = ?", (job_id,)).fetchone()
    rows = db.execute(
        "SELECT document, pid, start_ticks FROM trials WHERE job = ? ORDER BY number", (job_id,)
    ).fetchall()
    trials = tuple(parse_trial(json.loads(document)) for document, _, _ in rows)
    processes = {
        trial.id: ProcessId(pid, ticks) for trial, (_, pid, ticks) in zip(trials, rows, strict=True) if pid is not None
    }
    return StoredJob(str(job_id), replace(parse_job(json.loads(text)), trials=trials), processes)


def load_custom_job(db: sqlite3.Connection, job_id: int) -> StoredCustomJob:
    """Read a custom job."""
    document, process = _read_run(db, job_id)
    return StoredCustomJob(str(job_id), parse_custom_job(document), process)


def object_in(text: str) -> JsonObject | None:
    """Parse a JSON object; None when the text is not one."""
    try:
        value: Json = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _write_run(db: sqlite3.Connection, job_id: str, document: JsonObject, process: ProcessId | None) -> None:
    db.execute(
        "UPDATE jobs SET document = ?, pid = ?, start_ticks = ? WHERE id = ?",
        (json.dumps(document), *_columns(process), int(job_id)),
    )


def _read_run(db: sqlite3.Connection, job_id: int) -> tuple[Json, ProcessId | None]:
    text, pid, ticks = db.execute("SELECT document, pid, start_ticks FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return json.loads(text), None if pid is None else ProcessId(pid, ticks)


def _columns(process: ProcessId | None) -> tuple[int | None, int | None]:
    return (process.pid, process.start_ticks) if process else (None, None)


def _state(document: JsonObject) -> JobState | PipelineState:
    value = document.get("state", JobState.UNSPECIFIED.value)
    kind = PipelineState if str(value).startswith("PIPELINE_STATE_") else JobState
    state = kind.parse(value)
    assert isinstance(state, (JobState, PipelineState))  # noqa: S101 - parse() is a classmethod of both
    return state
