"""A wall clock that is set while a study runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from hydra_vertex.job.fields import parse_time
from hydra_vertex.service.measurements.metric_file import MetricReport, measurements_of
from hydra_vertex.service.system.clock import Clock
from service.harness import PARENT, Client, Document, job_document, release, serving, started, wait_until

HOUR_S, DAY_S = 3600.0, 86400.0

SHIFTED = """
import datetime, time
def shifted(before=time.time, path={path!r}):
    with open(path) as file:
        return before() + float(file.read())
time.time = shifted
class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
datetime.datetime = Shifted
"""


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that shifts, by a number of seconds, the clock of every service started during the test."""
    folder, shift = tmp_path / "site", tmp_path / "shift"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHIFTED.format(path=str(shift)))
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def set_clock(seconds: float) -> None:
        shift.with_suffix(".new").write_text(str(seconds))
        shift.with_suffix(".new").replace(shift)

    set_clock(0.0)
    return set_clock


def time_of(document: Document, name: str) -> datetime:
    return parse_time(document[name], name)


def assert_times_in_order(job: Document, earlier: Document) -> None:
    """The job's times never go back, are in their order, and no duration reaches half an hour."""
    assert time_of(job, "updateTime") >= time_of(earlier, "updateTime")
    assert time_of(job, "createTime") <= time_of(job, "startTime") <= time_of(job, "updateTime")
    for trial in job.get("trials", []):
        times = [time_of(trial, name) for name in ("startTime", "endTime") if name in trial]
        times = [time_of(job, "startTime"), *times, time_of(job, "updateTime")]
        assert all(sooner <= later for sooner, later in pairwise(times))
        assert times[-1] - times[0] < timedelta(seconds=HOUR_S / 2)
        assert trial["state"] != "INFEASIBLE"


@pytest.mark.parametrize("shifts", [(-HOUR_S, 0.0), (HOUR_S, DAY_S), (DAY_S, -HOUR_S)])
def test_a_study_is_not_affected_when_the_clock_is_set(
    studies: Path, app: Path, set_clock: Callable[[float], None], shifts: tuple[float, float]
) -> None:
    limits = {"maximumRuntimeConstraint": {"maxDuration": "1800s"}, "maxDurationNoProgress": "1700s"}
    document = job_document(app, "measure-then-gated", trials=5, parallel=2, timeout="1500s")
    document["studySpec"]["studyStoppingConfig"] = {**limits, "shouldStopAsap": True}
    with serving(studies) as client:
        name = client.create(document)
        seen = client.get(name)
        for count, shift in enumerate((*shifts, 0.0), start=2):
            wait_until(lambda count=count: len(started(app)) == count)
            set_clock(shift)
            release(app, str(count - 1))
            wait_until(lambda count=count: len(started(app)) == count + 1)
            assert_times_in_order(seen := client.get(name), seen)
        release(app, "4", "5")
        job = client.finished(name)
        assert_times_in_order(job, seen)
        assert job["state"] == "JOB_STATE_SUCCEEDED"
        assert len(job["trials"]) == 5


def test_a_service_started_after_the_clock_was_set_back_continues_from_the_newest_recorded_time(
    studies: Path, app: Path, set_clock: Callable[[float], None]
) -> None:
    with serving(studies) as client:
        name = client.create(job_document(app, "gated", trials=2))
        wait_until(lambda: started(app) == ["1"])
        before = client.get(name)
    set_clock(-HOUR_S)
    with serving(studies) as client:
        release(app, "1", "2")
        job = client.finished(name)
        assert_times_in_order(job, before)
        later = client.create(job_document(app, "report"))
        assert time_of(client.finished(later), "createTime") >= time_of(job, "endTime")
        assert names_in_pages(client) == [later, name]
    assert "the machine's clock is " in studies.with_name("studies.log").read_text()


def names_in_pages(client: Client) -> list[str]:
    names, token = [], ""
    while True:
        query = {"pageSize": "1", "pageToken": token} if token else {"pageSize": "1"}
        page = client.http.get(f"{PARENT}/hyperparameterTuningJobs", params=query).json()
        names += [job["name"] for job in page["hyperparameterTuningJobs"]]
        if not (token := page.get("nextPageToken", "")):
            return names


def test_a_report_from_a_time_at_which_the_trial_did_not_run_has_no_elapsed_time() -> None:
    start, running_s = 1e9, 60.0
    stamps = [start - HOUR_S, start - 0.5, start + 30.0, start + 60.5, start + DAY_S]
    found = measurements_of(
        [MetricReport("loss", 1.0, step, stamp) for step, stamp in enumerate(stamps)], "loss", start, running_s
    )
    assert [measurement.elapsed_s for measurement in found] == [None, 0.0, 30.0, 60.5, None]


def test_a_clock_does_not_go_back_before_a_recorded_time() -> None:
    clock = Clock()
    ahead = clock.now() + timedelta(hours=1)
    clock.not_before(ahead)
    first = clock.now()
    clock.not_before(ahead - timedelta(hours=2))
    assert ahead <= first <= clock.now() < ahead + timedelta(minutes=1)
