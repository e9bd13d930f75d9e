"""What the checks need of an app: answers to questions about its config."""

from __future__ import annotations

from typing import Protocol

from hydra_vertex.protocol.dialogue import Accepted, Question, Refused


class Asked(Protocol):
    """An app that answers questions about its config."""

    def ask(self, question: Question, /) -> Accepted | Refused:
        """Return the app's answer."""
