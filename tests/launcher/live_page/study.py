"""A feed and a renderer for tests of the server alone, and a reader of its event streams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from hydra_vertex.launcher.live_page.feed import Abilities, Feed, Reading
from hydra_vertex.launcher.live_page.pages import OnePage
from hydra_vertex.launcher.live_page.server import PageServer
from hydra_vertex.protocol.errors import ServiceError
from hydra_vertex.protocol.json import Json


@dataclass
class StudyInMemory:
    """A study whose state a test sets. `asked` are the verbs that were called."""

    reading: Reading = field(default_factory=Reading)
    asked: list[str] = field(default_factory=list)
    abilities: Abilities = field(default_factory=Abilities)
    reads: int = 0

    def read(self) -> Reading:
        """Return the state."""
        self.reads += 1
        return self.reading

    def log(self, trial_id: str) -> str:
        """Return a line."""
        return f"the log of {trial_id}"

    def stop_trial(self, trial_id: str, shown: str) -> str:
        """Note the call; trial 9 cannot be stopped."""
        if trial_id == "9":
            raise ServiceError("trial 9 is SUCCEEDED")
        self.asked.append(f"trial {trial_id} of {shown}")
        return f"Trial {trial_id} is being stopped."

    def stop_study(self, shown: str) -> str:
        """Note the call."""
        self.asked.append(shown)
        return "The study is being cancelled."


class ProblemRenderer:
    """Renders the problem of a reading, one section for each of its words."""

    def page(self, reading: Reading, version: int) -> str:
        """Return a document."""
        return f"<!doctype html><title>{version}</title>{reading.problem}"

    def sections(self, reading: Reading) -> Mapping[str, Json]:
        """Return the sections. Raises ValueError for the word `bad`, as an error in a figure would be."""
        if "bad" in reading.problem.split():
            raise ValueError(reading.problem)
        return {f"word{at}": word for at, word in enumerate(reading.problem.split())}


def serve(study: Feed) -> PageServer:
    """Start a server of one page."""
    return PageServer(lambda _: OnePage(study, lambda *_: ProblemRenderer()), "the command has ended")


def client(server: PageServer) -> httpx.Client:
    """Return a client that sends the token as the page does."""
    address, _, token = server.url.partition("/?page=")
    return httpx.Client(
        base_url=address, params={"page": token}, headers={"x-hydra-vertex-token": token}, trust_env=False, timeout=10
    )


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Yield the name and the data of each event."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
