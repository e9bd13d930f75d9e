from __future__ import annotations

import base64
import dataclasses
import json
import random
import re
from typing import Any

from hydra_vertex.job import DoubleRange, HyperparameterTuningJob, JobState, Measurement, TrialState
from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.logs import StudyLogs
from hydra_vertex.launcher.report.live_page import LivePage
from hydra_vertex.launcher.report.page import page_sections, render_page
from launcher.jobs import METRIC, make_job, make_trial
from launcher.report.cases import case_named, job_of

CURVE = tuple(Measurement({METRIC: 9.0 / step}, step) for step in (1, 2, 3))


def running_job(steps: int = 2, value: float | None = None) -> HyperparameterTuningJob:
    trials = [make_trial(n, float(n), measurements=CURVE) for n in (1, 2, 3)]
    state = TrialState.ACTIVE if value is None else TrialState.SUCCEEDED
    return make_job([*trials, make_trial(4, value, state, measurements=CURVE[:steps])], state=JobState.RUNNING)


def sections(job: HyperparameterTuningJob, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = page_sections(job, **given(job), **options)
    return found


def given(job: HyperparameterTuningJob) -> dict[str, Any]:
    return {"best": next(iter(rank(job)), None), "overrides": (), "reproduce": "", "title": None, "prices": Prices()}


def changed(before: HyperparameterTuningJob, after: HyperparameterTuningJob) -> set[str]:
    old, new = sections(before), sections(after)
    return {key for key in new if old.get(key) != new[key]}


def test_a_new_measurement_changes_the_section_of_its_trial_alone() -> None:
    assert changed(running_job(2), running_job(3)) == {"trial:4"}


def test_the_end_of_a_trial_does_not_change_the_sections_of_the_others() -> None:
    found = changed(running_job(3), running_job(3, 0.5))

    assert {"header", "numbers", "figure:history", "figure:timeline", "trial:1", "trial:4"} >= found - {
        key for key in found if key.startswith("figure:")
    } - {"best_trial", "figures"}
    assert not {"trial:2", "trial:3", "table", "failed"} & found


def test_the_finished_page_has_the_same_sections() -> None:
    job = running_job()
    page = render_page(job, **given(job))
    data = re.search(r'id="report-data">(.*?)</script>', page)
    assert data is not None
    embedded = json.loads(data[1])["sections"]

    for key, section in sections(job).items():
        assert section.get("html", "") in page, key
        assert embedded.get(key, {}).get("data", section.get("data")) == section.get("data"), key


def test_a_live_page_has_its_parts_and_may_connect_to_its_own_server_only() -> None:
    job = running_job()
    settings = LivePage({"events": "/events", "evil": "</script>"}, can_stop=True)
    finished = render_page(job, **given(job))
    live = render_page(job, **given(job), live=settings).replace("&#39;", "'")

    assert "connect-src 'self';" in live
    assert "connect-src" not in finished
    assert 'data-stop="4"' in live
    assert 'data-stop="1"' not in live
    assert '{"events":"/events","evil":"\\u003c/script\\u003e"}' in live
    for part in ('id="connection"', 'id="stop-study"', 'id="log"', 'id="live-settings"'):
        assert part in live
        assert part not in finished
    assert "data-stop" not in finished.partition("<script")[0]


def test_a_live_page_without_the_right_to_stop_has_no_button() -> None:
    job = running_job()
    live = render_page(job, **given(job), live=LivePage())

    assert "data-stop" not in live.partition("<script")[0]
    assert 'id="stop-study" hidden' in live


def test_the_page_names_what_differs_from_the_defaults() -> None:
    job = make_job([make_trial(1, 1.0)])
    lr, *others = job.study_spec.parameters
    assert isinstance(lr.domain, DoubleRange)
    domain = dataclasses.replace(lr.domain, default=0.001)
    spec = dataclasses.replace(job.study_spec, parameters=(dataclasses.replace(lr, domain=domain), *others))
    html = sections(dataclasses.replace(job, study_spec=spec))["best_trial"]["html"]

    assert "<small>instead of 0.001</small>" in html
    assert "1 of 1 parameters with a known default value differ from it." in html


def test_the_page_of_a_hundred_trials_with_twenty_long_names_is_below_one_and_a_half_megabytes() -> None:
    job = job_of(case_named("20 long names"))

    assert (len(job.trials), len(job.study_spec.parameters)) == (100, 20)
    assert len(render_page(job, **given(job), logs=random_logs(100)).encode()) < 1_500_000


def test_the_page_of_a_hundred_failed_trials_with_long_logs_is_below_one_and_a_half_megabytes() -> None:
    logs = random_logs(100)
    reasons = [f"exited with code 1\n{logs.ends[str(n)][-4000:]}" for n in range(1, 101)]
    job = make_job([make_trial(n, None, TrialState.INFEASIBLE, reason) for n, reason in enumerate(reasons, 1)])

    assert len(render_page(job, **given(job), logs=logs).encode()) < 1_500_000


def random_logs(count: int) -> StudyLogs:
    """Return logs that cannot be packed to less than three quarters of their length."""
    draw = random.Random(0)  # noqa: S311 - a log, not a secret
    return StudyLogs({str(n): "\n".join(map(_random_line, [draw] * 80)) for n in range(1, count + 1)})


def _random_line(draw: random.Random) -> str:
    return base64.b64encode(draw.randbytes(75)).decode()
