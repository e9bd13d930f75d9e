"""The live page in Chromium: the stream, the buttons, the log, a lost service and the end of the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hydra_vertex.launcher.live_page.embedded_client import EmbeddedClient
from hydra_vertex.launcher.live_page.embedded_feed import EmbeddedFeed
from hydra_vertex.launcher.live_page.pages import OnePage
from hydra_vertex.launcher.live_page.report_renderer import ReportRenderer
from hydra_vertex.launcher.live_page.server import PageServer
from launcher.report.browser import CHECKS, LIMIT_MS, browser, missing
from service.harness import Client, job_document, kill_service, release, serving, started, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "all is there")
PARENT = "projects/p/locations/l"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with serving(tmp_path / "studies") as client:
        yield client


@pytest.fixture
def server(client: Client) -> Iterator[PageServer]:
    """The page of the service's newest study."""
    feed = EmbeddedFeed(EmbeddedClient(str(client.http.base_url).removesuffix("/v1/")), PARENT)
    with PageServer(
        lambda token: OnePage(feed, lambda own, name: ReportRenderer(own, token, name)), "the command has ended"
    ) as found:
        yield found


@pytest.fixture
def messages() -> list[str]:
    """What the page has logged and thrown."""
    return []


@pytest.fixture
def page(chromium: Browser, server: PageServer, messages: list[str]) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1000, "height": 900})
    found = context.new_page()
    found.set_default_timeout(LIMIT_MS)
    found.on(
        "console",
        # A page that asks again after the end of its server is refused, and Chromium logs that.
        lambda message: messages.append(message.text) if "ERR_CONNECTION_REFUSED" not in message.text else None,
    )
    found.on("pageerror", lambda error: messages.append(str(error)))
    found.on("dialog", lambda dialog: dialog.accept())
    found.goto(server.url)
    yield found
    context.close()


def shows(page: Page, selector: str, text: str) -> None:
    """Wait until an element shows a text."""
    page.locator(selector).filter(has_text=text).first.wait_for(state="attached")


def test_a_page_follows_its_study_stops_a_trial_and_says_the_end(
    client: Client, server: PageServer, page: Page, messages: list[str], tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shows(page, "h1", "Waiting for the study")
    name = client.create(job_document(app, "measure-then-gated", trials=3, displayName="<i>live</i>"))
    shows(page, "h1", "<i>live</i>")
    shows(page, "#connection", "live: this page follows the study")
    wait_until(lambda: bool(client.get(name)["trials"][0].get("measurements")))
    page.locator('[data-stop="1"]').click()
    shows(page, "#live-message", "Trial 1 is being stopped")
    shows(page, "#trials tbody tr:has-text('stopped')", "7")
    shows(page, "#trials tbody", "running")  # the next trial, which was not on the page
    wait_until(lambda: started(app) == ["1", "2"])
    release(app, "2", "3")
    client.finished(name)
    shows(page, "#connection", "the study has ended (succeeded)")
    assert page.locator("#stop-study").is_hidden()
    page.locator("#log").scroll_into_view_if_needed()
    shows(page, "#log", "The log is empty so far.")
    server.end()
    shows(page, "#connection", "the command has ended")
    assert "<i>live</i>" in page.locator("h1").inner_text()  # the last state stays
    assert messages == []


def test_the_logs_of_two_trials_are_beside_each_other_and_follow_a_running_one(
    client: Client, server: PageServer, page: Page, messages: list[str], tmp_path: Path
) -> None:
    name = client.create(job_document(tmp_path / "app", "gated", trials=2, parallel=2))
    shows(page, "#connection", "live: this page follows the study")
    wait_until(lambda: sorted(started(tmp_path / "app")) == ["1", "2"])
    shows(page, "#trials tbody", "2")
    page.locator("#compare-logs").scroll_into_view_if_needed()
    for trial, place in (("1", "left"), ("2", "right")):
        page.select_option(f"#compare-{place}", trial)
        shows(page, f"#log-{place}-title", f"The end of the log of trial {trial}")
        log = client.studies / "jobs" / name.rpartition("/")[2] / "trials" / trial / "log.txt"
        with log.open("a") as file:
            file.write(f" 10%\r100%\nline of trial {trial} </pre> password=letmein\n")
    for trial, place in (("1", "left"), ("2", "right")):
        shows(page, f"#log-{place}", f"100%\nline of trial {trial} </pre> password=***")
    release(tmp_path / "app", "1", "2")
    client.finished(name)
    server.end()
    shows(page, "#connection", "the command has ended")
    page.select_option("#compare-left", "2")
    shows(page, "#log-left", "The log cannot be read now.")  # and not that of trial 1 any more
    assert messages == []


def test_the_study_is_stopped_by_its_button_and_a_killed_service_is_said(
    client: Client, page: Page, tmp_path: Path
) -> None:
    name = client.create(job_document(tmp_path / "app", "gated", trials=3))
    shows(page, "#connection", "live: this page follows the study")
    wait_until(lambda: started(tmp_path / "app") == ["1"])
    page.locator("#stop-study").click()
    shows(page, "#live-message", "The study is being cancelled")
    shows(page, "#connection", "the study has ended (cancelled)")
    assert client.finished(name)["state"] == "JOB_STATE_CANCELLED"
    kill_service(client)
    shows(page, "#connection", "not up to date: the tuning service does not answer")


@pytest.mark.parametrize("width_px", [400, 1280])
def test_the_live_parts_fit_and_a_screen_reader_can_use_them(
    client: Client, page: Page, tmp_path: Path, width_px: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types

    page.set_viewport_size({"width": width_px, "height": 900})
    client.create(job_document(tmp_path / "app", "gated", trials=3))
    shows(page, "#connection", "live: this page follows the study")
    page.locator('[data-stop="1"]').wait_for()
    if width_px == 400:
        release(tmp_path / "app", "1")
        page.locator('[data-stop="2"]').wait_for()
        shows(page, "#compare-logs #log-left", "The log is empty so far.")
    page.evaluate("() => hydraVertex.drawAll()")
    assert page.evaluate(CHECKS.read_text()) == []
    violations = Axe().run(page).response["violations"]
    assert [f"{item['id']}: {item['nodes'][0]['html'][:160]}" for item in violations] == []
    release(tmp_path / "app", "1", "2", "3")
