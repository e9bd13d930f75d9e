"""The text of a log on a page: without secrets and control characters, and not too long. Pure."""

from __future__ import annotations

from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.launcher.text.terminal import printable


def shown_log(log: str, mask: Masker) -> str:
    """Return a log without secrets, without tabs, and with control characters as Python escapes."""
    return "\n".join(printable(line.expandtabs(4)) for line in mask.text(log).split("\n"))


def last_lines(log: str, lines: int, characters: int) -> str:
    """Return the end of a log from the beginning of a line, or of its last line if that alone is too long."""
    text = "\n".join(log.rstrip().split("\n")[-lines:])
    if len(text) <= characters:
        return text
    end = text[-characters:]
    return end.partition("\n")[2] or end
