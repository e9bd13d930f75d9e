"""Check the report in Chromium for every case, width and colour scheme, and measure its weight and its first picture.

The checks are those of tests/launcher/report/test_page_in_browser.py: nothing is cut off, overlaps or lies off-screen,
nothing is logged or requested, and axe-core has no violations. The first picture is the time from the navigation until
the first figure is drawn.

    python benchmarks/report_page.py [--case NAME ...] [--json]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from timing import print_table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.report import write_report
from launcher.report.browser import browser, missing, opened
from launcher.report.cases import CASES, Case, job_of, logs_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTHS_PX = (1280, 400)
HEADINGS = (
    *("case", "width px", "scheme", "page kB", "lines of a log", "written s", "first picture s"),
    *("layout problems", "axe violations"),
)


@dataclass(frozen=True)
class Result:
    case: str
    width_px: int
    scheme: str
    page_kb: int
    log_lines: int
    written_s: float
    first_picture_s: float
    problems: list[str]
    accessibility: list[str]

    @property
    def texts(self) -> list[str]:
        return [*self.problems, *self.accessibility]


def results(cases: list[Case]) -> Iterator[Result]:
    with browser() as chromium, tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        for case in cases:
            path, job, start = Path(folder, f"{case.name}.html"), job_of(case), time.monotonic()
            best = next(iter(rank(job)), None)
            write_report(job, path, best=best, overrides=("optimizer.lr=0.003",), logs=logs_of(job))
            written_s = time.monotonic() - start
            for width_px in WIDTHS_PX:
                for is_dark in (False, True):
                    yield checked(chromium, case, path, width_px, is_dark, written_s)


def checked(chromium: Browser, case: Case, path: Path, width_px: int, is_dark: bool, written_s: float) -> Result:
    with opened(chromium, path, width_px, is_dark=is_dark) as page:
        return Result(
            case=case.name,
            width_px=width_px,
            scheme="dark" if is_dark else "light",
            page_kb=round(path.stat().st_size / 1000),
            log_lines=log_lines(path.read_text()),
            written_s=round(written_s, 2),
            first_picture_s=round(page.first_picture_s, 2),
            problems=page.problems(),
            accessibility=page.accessibility_problems(),
        )


def log_lines(page: str) -> int:
    """Return how many lines of a log the page has at most, as it says."""
    found = re.search(r"at most the last (\d+) lines", page)
    return int(found[1]) if found else 0


def row_of(result: Result) -> tuple[str, ...]:
    size = (result.case, result.width_px, result.scheme, result.page_kb, result.log_lines)
    times = (result.written_s, result.first_picture_s)
    return tuple(map(str, (*size, *times, len(result.problems), len(result.accessibility))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only this case")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if missing():
        print(f"not run: {missing()}")
        return
    cases = [case for case in CASES if not arguments.case or case.name in arguments.case]
    found = results(cases)
    if arguments.json:
        print(json.dumps([asdict(result) for result in found]))
        return
    print_table(HEADINGS, [])
    problems = []
    for result in found:
        print("| " + " | ".join(row_of(result)) + " |", flush=True)
        problems += [f"{result.case}, {result.width_px} px, {result.scheme}: {text}" for text in result.texts]
    print(*problems, sep="\n")


if __name__ == "__main__":
    main()
