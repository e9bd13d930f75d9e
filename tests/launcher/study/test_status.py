"""The summary of a job says where Google Cloud shows it, for jobs on Google Cloud only."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from hydra_vertex.launcher.secrets.masker import NO_SECRETS
from hydra_vertex.launcher.study.status import status_document, status_lines
from launcher.jobs import make_job

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("location", "is_local", "is_shown"),
    [("europe-west4", False, True), ("europe-west4", True, False), ("local", False, False)],
)
def test_only_a_job_on_google_cloud_has_a_page_in_the_console(location: str, is_local: bool, is_shown: bool) -> None:
    job = make_job([], name=f"projects/p/locations/{location}/hyperparameterTuningJobs/1")

    headings = {heading for heading, _ in status_lines(job, NOW, NO_SECRETS, is_local=is_local)}
    document = status_document(job, NO_SECRETS, is_local=is_local)

    assert headings >= {"console", "log"} if is_shown else not headings & {"console", "log"}
    assert (document["console"] is not None, document["log"] is not None) == (is_shown, is_shown)


@pytest.mark.parametrize("reason", ["", "20 trials without a better one"])
def test_the_limit_that_ended_a_study_is_in_the_text_and_in_the_document(reason: str) -> None:
    job = make_job([], stopping_reason=reason)

    assert dict(status_lines(job, NOW, NO_SECRETS)).get("stopped by", "") == reason
    assert status_document(job, NO_SECRETS)["stoppingReason"] == (reason or None)
