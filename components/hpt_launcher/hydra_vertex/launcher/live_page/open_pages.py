"""The pages of the commands: of a run, of a service, and of a watched job."""

from __future__ import annotations

import os
from collections.abc import Callable

from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.study.client import JobService
from hydra_vertex.launcher.study.loopback_credentials import service_token

from .embedded_client import COLLECTION, EmbeddedClient
from .embedded_feed import EmbeddedFeed, EmbeddedJobs
from .pages import JobPages, OnePage
from .report_renderer import ReportRenderer
from .server import PagesOf
from .watched_feed import WatchedFeed


def run_page(url: str, parent: str, prices: Prices) -> PagesOf:
    """Return the page of the newest study under `parent` of an embedded service, whose token the environment names."""
    return _page_of(EmbeddedFeed(_client(url), parent, prices=prices))


def job_page(url: str, name: str) -> PagesOf:
    """Return the page of a job of an embedded service, whose token the environment names, if it needs one."""
    return _page_of(EmbeddedFeed(_client(url), name.partition(f"/{COLLECTION}/")[0], name))


def service_pages(url: str, token: str) -> PagesOf:
    """Return the list of the jobs of an embedded service, with the page of each."""
    jobs = EmbeddedJobs(EmbeddedClient(url, token))
    return lambda page_token: JobPages(jobs, lambda feed, name: ReportRenderer(feed, page_token, name), page_token)


def watched_page(name: str, service: Callable[[], JobService], poll_interval_s: float) -> tuple[PagesOf, WatchedFeed]:
    """Return the page of a job on Vertex AI, and the feed that the caller updates. `service` returns a new client."""
    feed = WatchedFeed(name, service, poll_interval_s)
    return _page_of(feed), feed


def _client(url: str) -> EmbeddedClient:
    return EmbeddedClient(url, service_token(os.environ))


def _page_of(feed: EmbeddedFeed | WatchedFeed) -> PagesOf:
    return lambda token: OnePage(feed, lambda own, name: ReportRenderer(own, token, name))
