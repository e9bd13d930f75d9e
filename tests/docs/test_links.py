"""Every link of the documentation leads to a file that exists, and to a heading that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import ROOT
from docs.commands import pages
from docs.links import Link, anchors_of, links_of, problem_of

NAMES = [str(page.relative_to(ROOT)) for page in (*pages(), ROOT / "CHANGELOG.md")]


@pytest.mark.parametrize("name", NAMES)
def test_the_links_of_a_page_lead_somewhere(name: str) -> None:
    wrong = [f"{link.target}: {problem}" for link in links_of(ROOT / name) if (problem := problem_of(link))]

    assert wrong == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](other.md)", ""),
        ("[a](other.md#the-2-parts-of-a_b)", ""),
        ("[a](#here)", ""),
        ("[a](other.md#no)", "no such heading"),
        ("[a](#other)", "no such heading"),
        ("[a](missing.md)", "no such file"),
        ("![a](missing.png)", "no such file"),
        ("[![a](missing.png)](other.md)", "no such file"),
        ("[a](https:)", "malformed"),
        ("[a](ftp://a.b)", "malformed"),
        ("[a](https://a.b/c)", ""),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, text: str, problem: str) -> None:
    tmp_path.joinpath("other.md").write_text("# The 2 parts of `a_b`\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n{text} `[code](no.md)`\n\n```text\n[code](no.md)\n```\n")

    assert [found for link in links_of(page) if (found := problem_of(link))] == ([problem] if problem else [])


def test_equal_headings_get_numbers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A — b\n\n## Keys\n\n## Keys\n\n```text\n# no heading\n```\n")

    assert anchors_of(page) == {"a--b", "keys", "keys-1"}
    assert Link(page, "#keys-1").file == page
