"""Chromium for the tests of the report's page: what it displays, logs and requests, and what axe-core finds in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHECKS = Path(__file__).with_name("page_checks.js")
HEIGHT_PX = 900
LIMIT_MS = 60_000


def missing() -> str:
    """Return what the tests in a browser need and this machine does not have; empty when it has all."""
    for package in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    return "" if chromium() else "chromium is not installed (set CHROMIUM to its path)"


def chromium() -> str:
    """Return the path of chromium; empty when there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next((path for name in names if (path := shutil.which(name))), "")


@contextmanager
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without its sandbox, because a container's root cannot use it; it opens only files that the tests have made.
        opened = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


@dataclass
class Opened:
    """A page in the browser, and what it has logged, thrown and requested."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    first_picture_s: float = 0.0

    def draw_all(self) -> None:
        self.page.evaluate("() => hydraVertex.drawAll()")

    def problems(self) -> list[str]:
        """Return all that is wrong with the page; all figures are drawn for it."""
        self.draw_all()
        found: list[str] = self.page.evaluate(CHECKS.read_text())
        return [*found, *(f"logged: {text}" for text in self.messages), *(f"requested: {url}" for url in self.requests)]

    def accessibility_problems(self) -> list[str]:
        """Return the violations that axe-core finds, each with the first element that it is in."""
        from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types

        found: Any = Axe().run(self.page).response["violations"]
        return [f"{item['id']}: {item['help']}: {item['nodes'][0]['html'][:160]}" for item in found]


@contextmanager
def opened(browser: Browser, path: Path, width_px: int, *, is_dark: bool = False) -> Iterator[Opened]:
    """Open a file in a window of this width."""
    context = browser.new_context(
        viewport={"width": width_px, "height": HEIGHT_PX}, color_scheme="dark" if is_dark else "light"
    )
    try:
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        result = Opened(page)
        page.on("console", lambda message: result.messages.append(message.text))
        page.on("pageerror", lambda error: result.messages.append(str(error)))
        page.on("request", lambda request: result.requests.append(request.url))
        start = time.monotonic()
        page.goto(path.as_uri(), wait_until="commit")
        page.wait_for_selector("footer", state="attached")
        page.evaluate("() => document.querySelector('.plot')?.scrollIntoView()")
        page.wait_for_selector(".plot svg.main-svg, #no-trials:not([hidden])", state="attached")
        result.first_picture_s = time.monotonic() - start
        page.wait_for_load_state("load")
        result.requests.remove(path.as_uri())
        yield result
    finally:
        context.close()
