from __future__ import annotations

import dataclasses

import pytest

from hydra_vertex.job.earlier_studies import EARLIER_STUDIES_LABEL
from hydra_vertex.job.narrowed import narrowed_labels
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.report.earlier import earlier_text
from hydra_vertex.launcher.report.page import page_sections
from launcher.jobs import make_job, make_trial


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({}, ""),
        ({EARLIER_STUDIES_LABEL: "0" * 40}, "The study began with earlier ones (--start-from)"),
        (narrowed_labels(2, 9, 1), "The search space was narrowed in 2 parameters to the best 9 trials"),
    ],
)
def test_the_page_says_what_a_study_took_from_earlier_ones(labels: dict[str, str], says: str) -> None:
    text = earlier_text(labels)
    job = dataclasses.replace(make_job([make_trial(1, 0.5)]), labels=labels)
    header = page_sections(job, best=None, overrides=(), reproduce="", title=None, prices=Prices())["header"]

    assert text.startswith(says)
    assert bool(text) == bool(says)
    assert isinstance(header, dict)
    assert (f"<p>{text}.</p>" in str(header["html"])) == bool(says)
