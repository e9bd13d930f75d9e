"""The documentation's site: no link leads nowhere, nothing is loaded from elsewhere, the navigation has every page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from docs import site

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
ZENSICAL = Path(sys.executable).with_name("zensical")


def navigation(entries: object) -> list[str]:
    """The pages of the navigation in its order."""
    match entries:
        case str():
            return [entries]
        case list():
            return [page for entry in entries for page in navigation(entry)]
        case dict():
            return [page for entry in entries.values() for page in navigation(entry)]
    raise TypeError(entries)


def test_the_navigation_has_every_page_of_docs_once() -> None:
    listed = navigation(CONFIG["project"]["nav"])
    inside = [page for page in listed if not page.startswith(site.OUTSIDE)]

    assert len(listed) == len(set(listed))
    # The decisions have a list of their own.
    exist = {str(page.relative_to(site.DOCS)) for page in site.DOCS.rglob("*.md")}
    assert set(inside) == {page for page in exist if not page.startswith("decisions/0")}


def test_the_source_has_every_page_of_the_navigation(tmp_path: Path) -> None:
    site.assemble(tmp_path)

    assert [page for page in navigation(CONFIG["project"]["nav"]) if not (tmp_path / page).exists()] == []


@pytest.fixture
def small_site(tmp_path: Path) -> Path:
    """A folder with the site's configuration and no page yet."""
    if not ZENSICAL.exists():
        pytest.skip("zensical is not installed")
    settings = (ROOT / "zensical.toml").read_text(encoding="utf-8").partition("nav = [")
    rest = settings[2].partition("\n]\n")[2]
    tmp_path.joinpath("zensical.toml").write_text(settings[0] + rest)
    tmp_path.joinpath("build/docs-source").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[a](index.md#here)", 0),
        ("[a](index.md#gone)", 1),
        ("[a](gone.md)", 1),
    ],
)
def test_a_link_that_leads_nowhere_ends_the_build(small_site: Path, text: str, code: int) -> None:
    small_site.joinpath("build/docs-source/index.md").write_text(f"# Here\n\n{text}\n")

    ended = subprocess.run([str(ZENSICAL), "build", "--strict"], cwd=small_site, capture_output=True, timeout=120)

    assert ended.returncode == code, ended.stdout


def test_the_pages_of_the_theme_load_nothing_from_elsewhere(small_site: Path) -> None:
    small_site.joinpath("build/docs-source/index.md").write_text("# Here\n\n```console\n$ ls\n```\n")
    subprocess.run([str(ZENSICAL), "build", "--strict"], cwd=small_site, check=True, capture_output=True, timeout=120)

    assert (small_site / "build/site/index.html").exists()
    assert site.requests_elsewhere(small_site / "build/site") == []


def test_a_page_that_loads_from_elsewhere_is_found(tmp_path: Path) -> None:
    tmp_path.joinpath("a.html").write_text('<a href="https://a.b">x</a><script async src="https://c.d/e.js"></script>')

    assert site.requests_elsewhere(tmp_path) == ["a.html: https://c.d/e.js"]


def test_a_folder_without_a_readme_becomes_a_list_of_its_files(tmp_path: Path) -> None:
    site.assemble(tmp_path)

    shown = tmp_path / site.OUTSIDE / "examples/kubernetes/index.md"
    assert "(namespace.yaml)" in shown.read_text()
    assert (tmp_path / site.OUTSIDE / "examples/kubernetes/namespace.yaml").exists()
