"""Run a study with the embedded service, and make the pictures of its report in docs/ with Chromium.

    python benchmarks/report_screenshots.py [--run DIR] [--out DIR]

The study is that of benchmarks/report_study: 32 trials, 4 at once, with early stopping, about two minutes.
`--run` takes the folder of a run that has ended instead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from launcher.report.browser import Opened, browser, missing, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "benchmarks" / "report_study"
WIDTH_PX, TOP_HEIGHT_PX = 1280, 1500
MOST_BYTES = 300_000


def run_study(out: Path) -> Path:
    """Run the study, and return the folder of the run."""
    command = [str(Path(sys.executable).with_name("hydra-vertex")), "run", "--search", "search.yaml", "--trials", "32"]
    options = [
        "--parallel",
        "4",
        "--early-stopping",
        "median",
        "--seed",
        "3",
        "--name",
        "two spirals",
        "--out",
        str(out),
    ]
    subprocess.run([*command, *options, "--", "python", "app.py"], cwd=STUDY, check=True)
    return out


def take_pictures(run: Path, out: Path) -> list[Path]:
    """Write the pictures of a run's report, and return their paths."""
    with browser() as chromium:
        return [
            *_pictures(chromium, run / "report.html", out, is_dark=False),
            *_pictures(chromium, run / "report.html", out, is_dark=True),
        ]


def _pictures(chromium: Browser, report: Path, out: Path, *, is_dark: bool) -> list[Path]:
    with opened(chromium, report, WIDTH_PX, is_dark=is_dark) as page:
        page.draw_all()
        if is_dark:
            return [_top(page, out / "report-dark.png")]
        sections = {
            "report-parallel.png": "#figure-timeline",
            "report-curves.png": "#figure-curves",
            "report-beside.png": "#compared",
        }
        return [
            _top(page, out / "report.png"),
            *(_section(page, selector, out / name) for name, selector in sections.items()),
            _table(page, out / "report-trials.png"),
        ]


def _top(page: Opened, path: Path) -> Path:
    page.page.evaluate("() => scrollTo(0, 0)")
    clip = {"x": 0, "y": 0, "width": WIDTH_PX, "height": TOP_HEIGHT_PX}
    page.page.screenshot(path=path, full_page=True, clip=clip)  # type: ignore[arg-type]  # a mapping of its fields
    return path


def _section(page: Opened, selector: str, path: Path) -> Path:
    page.page.locator(selector).screenshot(path=path)
    return path


def _table(page: Opened, path: Path) -> Path:
    """Sort the table by the objective, and take its first rows."""
    page.page.locator("#trials thead th:nth-child(3) button").click()
    box = page.page.locator("section:has(> #trial-table)").bounding_box()
    if box is None:
        raise SystemExit("the page has no table of trials")
    clip = {"x": box["x"], "y": box["y"] + page.page.evaluate("scrollY"), "width": box["width"], "height": 640}
    page.page.screenshot(path=path, full_page=True, clip=clip)  # type: ignore[arg-type]  # a mapping of its fields
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="the folder of a run that has ended (default: run the study)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="the folder of the pictures (default: docs)")
    arguments = parser.parse_args()
    if missing():
        raise SystemExit(f"not run: {missing()}")
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        run = arguments.run or run_study(Path(folder, "run"))
        for path in take_pictures(run, arguments.out):
            size = path.stat().st_size
            print(f"{path.name}: {size / 1000:.0f} kB{', more than allowed' if size > MOST_BYTES else ''}")


if __name__ == "__main__":
    main()
