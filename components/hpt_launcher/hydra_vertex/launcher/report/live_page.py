"""What a page that is served while its study runs has in addition to the finished page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.protocol.json import Json


@dataclass(frozen=True, slots=True)
class LivePage:
    """The live parts of a page: a connection state, the end of a log, buttons that stop a trial or the study.

    `settings` are for the script `live.js` alone, which finds them as JSON in the element `#live-settings`. With
    `can_stop` the page has the button `#stop-study`, and the row of each running trial has one with `data-stop`, which
    is the trial's id.
    """

    settings: Mapping[str, Json] = field(default_factory=dict)
    can_stop: bool = False
