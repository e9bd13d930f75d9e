"""The repeats of the best configurations in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hydra_vertex.cli.main import main
from hydra_vertex.job import save_job
from launcher.confirm.repeats import make_repeats, make_study


def report(folder: Path, values: Mapping[str, Sequence[float | None]]) -> str:
    """Return the page of a study of two trials with these repeats, without its scripts."""
    study = make_study([0.1, 0.2])
    save_job(study, folder / "job.json")
    save_job(make_repeats(study, values), folder / "confirmation.json")
    assert main(["report", str(folder), "-o", str(folder / "report.html")]) == 0
    return (folder / "report.html").read_text().rpartition("</style>")[2].partition("<script")[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"1": [0.15, 0.16]}, "<dd>0.091469 to 0.218531</dd>"),
        ({"1": [0.15, 0.16], "2": [0.18, 0.13]}, "<dd>0.091469 to 0.218531; the ranking is not settled</dd>"),
        ({"1": [0.15, 0.16], "2": [0.35, 0.36]}, "<dd>0.091469 to 0.218531; the ranking is settled</dd>"),
    ],
    ids=["one configuration", "not settled", "settled"],
)
def test_the_header_has_the_interval_and_the_ranking_of_several(
    tmp_path: Path, values: dict[str, list[float | None]], expected: str
) -> None:
    header = report(tmp_path, values).partition("confirmed mean")[2]

    assert expected in header


def test_a_study_whose_repeats_have_failed_has_a_report_with_its_own_best_trial(tmp_path: Path) -> None:
    page = report(tmp_path, {"1": [None, None], "2": [0.1, None]})

    assert "Not confirmed: too few repeats are measured." in page
    assert "trial 1, as the study measured it" in page
