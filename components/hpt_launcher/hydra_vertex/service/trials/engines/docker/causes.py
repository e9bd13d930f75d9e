"""Tells from the engine's events why a container ended: by itself, by another client, or with the engine. Pure.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemEvents
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.signals import STOPPING
from hydra_vertex.service.trials.engines.contract import Exited, Interrupted, Interruption

from .inspection import Container

EVENTS_KEPT = 256
"""An engine keeps this number of events, and none over its own restart."""

LOST_CODE = 255
"""The exit code of a container whose process was gone when the engine started."""

_ENDING = {str(int(number)) for number in (*STOPPING, signal.SIGKILL)}


@dataclass(frozen=True, slots=True)
class Memory:
    """The events that the engine remembers, oldest first. With `has_live_restore` its restart ends no container."""

    events: Sequence[JsonObject]
    has_live_restore: bool = False

    def of(self, container_id: str) -> tuple[JsonObject, ...]:
        """Return the events of a container."""
        return tuple(event for event in self.events if _id(event) == container_id)

    def last_id(self, name: str) -> str:
        """Return the id of the last container with this name; empty when none is remembered."""
        ids = [_id(event) for event in self.events if _attribute(event, "name") == name]
        return ids[-1] if ids else ""

    def reaches(self, moment: datetime | None) -> bool:
        """Whether an event of this time would be remembered if the engine has not been restarted since."""
        if len(self.events) < EVENTS_KEPT or moment is None:
            return True
        return _time(self.events[0]) < moment


def interruption(container: Container, memory: Memory) -> Interrupted | None:
    """Return why an ended container is no end of the trial, None when it is one. Its end was not requested."""
    own = memory.of(container.id)
    if _was_killed(own):
        # An engine that starts again after a crash kills the containers that still run.
        if memory.reaches(container.started) and not any(_action(event) == "start" for event in own):
            return Interrupted(Interruption.NODE_LOST, "the Docker engine ended its container when it was restarted")
        return Interrupted(Interruption.REMOVED, "another client of the engine ended its container (docker stop, kill)")
    if container.exit_code == 0 or container.is_oom_killed or any(_action(event) == "die" for event in own):
        return None
    if container.exit_code == LOST_CODE or (memory.reaches(container.finished) and not memory.has_live_restore):
        return Interrupted(
            Interruption.NODE_LOST,
            f"its container ended with code {container.exit_code} when the Docker engine or its machine was restarted",
        )
    return None


def end_of_removed(name: str, memory: Memory) -> Exited | Interrupted:
    """Return how the container with this name ended, which somebody else has removed."""
    own = memory.of(memory.last_id(name))
    codes = [_attribute(event, "exitCode") for event in own if _action(event) == "die"]
    if codes and not _was_killed(own) and isinstance(codes[-1], str) and codes[-1].isdecimal():
        is_oom = any(_action(event) == "oom" for event in own)
        status = Container(is_running=False, exit_code=int(codes[-1]), is_oom_killed=is_oom).exit_status(stopped=False)
        return Exited(status)
    return Interrupted(Interruption.REMOVED, f"another client of the engine removed the container {name}")


def _was_killed(events: Sequence[JsonObject]) -> bool:
    return any(_action(event) == "kill" and _attribute(event, "signal") in _ENDING for event in events)


def _action(event: JsonObject) -> Json:
    return event.get("Action")


def _id(event: JsonObject) -> str:
    actor = event.get("Actor")
    return str(actor.get("ID") or "") if isinstance(actor, dict) else ""


def _attribute(event: JsonObject, name: str) -> Json:
    actor = event.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    return attributes.get(name) if isinstance(attributes, dict) else None


def _time(event: JsonObject) -> datetime:
    nanoseconds = event.get("timeNano")
    return datetime.fromtimestamp(nanoseconds / 1e9 if isinstance(nanoseconds, int) else 0, timezone.utc)
