"""The links of Markdown pages, and the anchors of headings as GitHub and the site make them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_CODE = re.compile(r"^( *)(`{3,}).*?^\1\2[ ]*$|(?<!`)(`+)(?!`).*?(?<!`)\3(?!`)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


@dataclass(frozen=True)
class Link:
    """A link of a page. `path` is empty for a link within the page."""

    page: Path
    target: str

    @property
    def is_external(self) -> bool:
        return bool(urlsplit(self.target).scheme)

    @property
    def path(self) -> str:
        return self.target.partition("#")[0]

    @property
    def anchor(self) -> str:
        return self.target.partition("#")[2]

    @property
    def file(self) -> Path:
        """The file or folder that the link names."""
        return (self.page.parent / self.path).resolve() if self.path else self.page


def blanked(text: str) -> str:
    """The text with its code replaced by spaces, so that places stay and code has no links."""
    return _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)


def links_of(page: Path) -> list[Link]:
    return [Link(page, link["target"]) for link in _LINK.finditer(blanked(page.read_text(encoding="utf-8")))]


def anchors_of(page: Path) -> set[str]:
    """The anchors of the page's headings."""
    text = page.read_text(encoding="utf-8")
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in _HEADING.findall(plain):
        slug = _slug(heading)
        number = 1
        while slug in found:
            slug = f"{_slug(heading)}-{number}"
            number += 1
        found.add(slug)
    return found


def problem_of(link: Link) -> str:
    """What is wrong with the link; empty if nothing is. An external link is checked for its form only."""
    if link.is_external:
        parts = urlsplit(link.target)
        return "" if parts.scheme in {"https", "http", "mailto"} and (parts.netloc or parts.path) else "malformed"
    if not link.file.exists():
        return "no such file"
    if link.anchor and link.file.suffix == ".md" and link.anchor not in anchors_of(link.file):
        return "no such heading"
    return ""


def _slug(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
