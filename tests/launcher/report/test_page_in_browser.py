"""The report as Chromium displays it. benchmarks/report_page.py runs the same checks for all cases and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.logs import StudyLogs
from hydra_vertex.launcher.report import write_report
from hydra_vertex.launcher.report.page import page_sections
from launcher.report.browser import Opened, browser, missing, opened
from launcher.report.cases import case_named, job_of, logs_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "all is there")

Pages = Callable[[str], Path]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    folder = tmp_path_factory.mktemp("pages")

    def page_of(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            job = job_of(case_named(name))
            best = next(iter(rank(job)), None)
            write_report(job, path, best=best, overrides=("optimizer.lr=0.003",), logs=logs_of(job))
        return path

    return page_of


@pytest.fixture
def page(chromium: Browser, pages: Pages) -> Iterator[Opened]:
    with opened(chromium, pages("40 trials"), 1280) as found:
        yield found


@pytest.mark.parametrize(("case", "width_px"), [("8 parameters", 1280), ("80-character names", 400)])
def test_nothing_is_cut_off_overlaps_throws_or_is_requested(
    chromium: Browser, pages: Pages, case: str, width_px: int
) -> None:
    with opened(chromium, pages(case), width_px) as found:
        assert found.problems() == []


@pytest.mark.parametrize(("case", "is_dark"), [("all failed", False), ("3 trials", True)])
def test_a_screen_reader_has_what_it_needs(chromium: Browser, pages: Pages, case: str, is_dark: bool) -> None:
    with opened(chromium, pages(case), 400, is_dark=is_dark) as found:
        assert found.problems() == []
        assert found.accessibility_problems() == []


def test_the_checks_find_what_is_cut_off_overlaps_or_is_logged(page: Opened) -> None:
    page.draw_all()
    page.page.evaluate(
        """() => {
            document.querySelector("#plot-history .xtick text").setAttribute("x", "-900");
            const [one, other] = document.querySelectorAll("#plot-timeline .ytick text");
            other.setAttribute("y", one.getAttribute("y"));
            other.setAttribute("transform", one.getAttribute("transform") || "");
            const wide = Object.assign(document.createElement("p"), { textContent: "wide" });
            wide.style.width = "3000px";
            document.querySelector("main").append(wide);
            console.warn("a warning");
        }"""
    )
    found = " ".join(page.page.evaluate(Path(__file__).with_name("page_checks.js").read_text()))

    for expected in ("px wide, in a window of", "off-screen: wide", "plot-history: cut off", "plot-timeline: overlap"):
        assert expected in found
    assert page.messages == ["a warning"]


def column(page: Opened, number: int) -> list[str]:
    return page.page.locator(f"#trials tbody tr:not([hidden]) > :nth-child({number})").all_inner_texts()


def test_the_table_sorts_by_click_and_by_keyboard(page: Opened) -> None:
    header = page.page.locator("#trials thead th:nth-child(3)")
    header.locator("button").click()
    up = [float(text) for text in column(page, 3) if text]
    header.locator("button").press("Enter")
    down = [float(text) for text in column(page, 3) if text]

    assert up == sorted(up)
    assert down == up[::-1]
    assert len(up) == 36
    assert column(page, 3)[-4:] == [""] * 4
    assert header.get_attribute("aria-sort") == "descending"


def test_the_table_is_filtered_by_state_and_by_text(page: Opened) -> None:
    page.page.select_option("#filter-state", "infeasible")
    failed = column(page, 1)
    page.page.fill("#filter-text", "allocate 27 mib")
    one = column(page, 1)
    page.page.select_option("#filter-state", "")
    page.page.fill("#filter-text", "")

    assert (failed, one, len(column(page, 1))) == (["9", "18", "27", "36"], ["27"], 40)
    assert page.page.inner_text("#filter-count") == "40 of 40 trials"


def test_two_trials_are_compared(page: Opened) -> None:
    page.page.select_option("#compare-left", "2")
    page.page.select_option("#compare-right", "9")
    rows = page.page.locator("#compare-table tbody tr").all_inner_texts()

    heading = page.page.locator("#compare-table thead").inner_text().split()
    assert heading[-5:] == ["trial", "2", "trial", "9", "difference"]
    assert any(row.split() == ["reason", "exited", "with", "code", "1"] for row in rows)
    assert "Tried to allocate 9 MiB" in page.page.locator("#log-right").filter(has_text="RuntimeError").inner_text()
    assert page.page.locator("#compare-plots svg.main-svg").count() > 0


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        ("1", "The log is empty."),
        ("3", "train/loss 0.4242 </script><b> \\x1b[31m "),
        ("40", "There is no log of this trial."),
    ],
)
def test_the_ends_of_the_logs_are_beside_each_other(page: Opened, trial: str, expected: str) -> None:
    page.page.select_option("#compare-left", "2")
    page.page.select_option("#compare-right", trial)
    right = page.page.locator("#log-right").filter(has_text=expected)
    right.wait_for()

    assert page.page.inner_text("#log-left").startswith("[2026-01-31 12:00:")
    assert page.page.inner_text("#log-left").endswith("\nthe end")
    assert page.page.locator("#log-right").get_attribute("aria-labelledby") == "log-right-title"
    assert page.page.inner_text("#log-right-title") == f"The end of the log of trial {trial}"
    assert "4,000 characters. The whole logs are runs/a/logs" in page.page.inner_text("#compared")
    left, other = page.page.locator("#log-left").bounding_box(), right.bounding_box()
    assert left is not None
    assert other is not None
    assert (left["y"], left["x"] + left["width"] < other["x"]) == (other["y"], True)
    assert page.messages == []


def test_a_failed_trial_without_a_log_has_the_end_of_it_from_its_reason(chromium: Browser, tmp_path: Path) -> None:
    job = job_of(case_named("40 trials"))
    write_report(job, tmp_path / "r.html", best=rank(job)[0], logs=StudyLogs({"2": "a log"}))
    with opened(chromium, tmp_path / "r.html", 400) as found:
        found.page.select_option("#compare-left", "9")
        found.page.locator("#log-left").filter(has_text="Tried to allocate 9 MiB").wait_for()
        assert found.page.locator("#compare-table tbody tr").last.inner_text().split() == [
            "reason",
            *["exited", "with", "code", "1"],
        ]


def test_a_single_trial_has_its_log_alone(chromium: Browser, pages: Pages) -> None:
    with opened(chromium, pages("1 trial"), 1280) as found:
        found.page.locator("#log-left").filter(has_text="the end").wait_for()
        assert found.page.inner_text("#compared").startswith("The log of the trial\nThe end of the log of trial 1\n")
        for other in ("#log-right", "#compare-choice", "#compare-values"):
            assert found.page.locator(other).is_hidden()
        assert found.problems() == []


def test_without_logs_the_comparison_has_the_sentence_about_them(chromium: Browser, tmp_path: Path) -> None:
    job = job_of(case_named("3 trials"))
    write_report(job, tmp_path / "r.html", best=rank(job)[0], logs=StudyLogs(note="They are in Cloud Logging."))
    with opened(chromium, tmp_path / "r.html", 400) as found:
        assert "They are in Cloud Logging." in found.page.inner_text("#compared")
        assert found.page.locator("#compare-logs").is_hidden()


def test_the_best_so_far_is_drawn_by_trial_by_time_and_by_cost(page: Opened) -> None:
    titles = []
    for label in ("by wall-clock time", "by cost", "by trial"):
        page.page.get_by_role("button", name=label).click()
        titles.append(page.page.locator("#plot-history .xtitle").text_content())

    assert titles == ["minutes since the first trial began", "worker-hours of all trials", "trial"]


def test_a_live_page_applies_the_sections_that_have_changed(chromium: Browser, pages: Pages) -> None:
    """A page of a running study becomes that of the finished one by its sections, without a new document."""
    job = job_of(case_named("3 trials"))
    texts = {"overrides": (), "reproduce": "", "title": None, "prices": Prices()}
    sections = page_sections(job, best=rank(job)[0], **texts)  # type: ignore[arg-type]  # one mapping of several types
    with opened(chromium, pages("1 trial"), 1280) as found:
        found.page.evaluate("(sections) => hydraVertex.apply(sections)", sections)
        assert found.page.inner_text("h1") == "3 trials"
        assert found.page.title() == "3 trials"
        assert len(column(found, 1)) == 3
        assert found.page.locator("#figures .figure").count() == len(sections["figures"]["data"])  # type: ignore[arg-type,call-overload,index]  # JSON
        assert found.problems() == []
        found.page.evaluate(
            "(sections) => hydraVertex.apply(sections)", {"trial:2": {"html": "", "data": {}}, "figures": {"data": []}}
        )
        assert found.page.locator("#figures .figure").count() == 0
