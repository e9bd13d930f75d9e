"""Builds the documentation as a site: `make docs`, or `python -m docs.site` in tests/.

The source of the site is a copy of docs/ in build/docs-source/. Pages and files of the repository outside docs/ that a
page links to are copied below `repository/`, and the links of the copies are changed to them, so that one Markdown file
serves GitHub and the site. Zensical's strict mode then refuses every link between pages that leads nowhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.links import Link, links_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "build/docs-source"
SITE = ROOT / "build/site"
OUTSIDE = "repository"
"""The folder of the site with what lies outside docs/."""

_ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")


def place_of(file: Path) -> Path:
    """The place of a file or folder in the site's source; a folder is its README or a list of its files."""
    inside = file.relative_to(DOCS) if file.is_relative_to(DOCS) else OUTSIDE / file.relative_to(ROOT)
    if file.is_dir():
        return inside / ("README.md" if (file / "README.md").exists() else "index.md")
    return inside


def assemble(source: Path) -> None:
    """Write the site's source: docs/, and all that its pages link to, directly or not."""
    shutil.rmtree(source, ignore_errors=True)
    waiting = [file for file in sorted(DOCS.rglob("*")) if file.is_file()]
    done: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in done or not file.exists():
            continue
        done.add(file)
        target = source / place_of(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir() and (file / "README.md").exists():
            waiting.append(file / "README.md")
        elif file.is_dir():
            files = sorted(each for each in file.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
            waiting += files
            target.write_text(_listing(file, files), encoding="utf-8")
        elif file.suffix == ".md":
            links = [link for link in links_of(file) if not link.is_external and link.path]
            waiting += [link.file for link in links]
            target.write_text(_relinked(file, links), encoding="utf-8")
        else:
            shutil.copyfile(file, target)


def _listing(folder: Path, files: list[Path]) -> str:
    rows = [f"- [`{name}`]({name})" for name in (str(file.relative_to(folder)) for file in files)]
    return f"# {folder.relative_to(ROOT)}\n\n" + "\n".join(rows) + "\n"


def _relinked(page: Path, links: list[Link]) -> str:
    text = page.read_text(encoding="utf-8")
    here = place_of(page).parent
    for target in {link.target: link for link in links}.values():
        path = os.path.relpath(place_of(target.file), here)
        text = text.replace(f"]({target.target})", f"]({path}{'#' if target.anchor else ''}{target.anchor})")
    return text


def build() -> int:
    """Build the site. Returns Zensical's exit code, which is not 0 when a link leads nowhere."""
    assemble(SOURCE)
    shutil.rmtree(SITE, ignore_errors=True)
    zensical = Path(sys.executable).with_name("zensical")
    command = [str(zensical), "build", "--strict", "--clean", "--config-file", str(ROOT / "zensical.toml")]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    # Zensical colours its output always, and ends a refused build with a traceback.
    print(re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout).partition("Traceback")[0].strip())
    return ended.returncode


def requests_elsewhere(site: Path) -> list[str]:
    """The scripts, styles, fonts and pictures that a page of the site would load from another host."""
    return [
        f"{page.relative_to(site)}: {address}"
        for page in sorted(site.rglob("*.html"))
        for address in _ELSEWHERE.findall(page.read_text(encoding="utf-8"))
    ]


def main() -> int:
    code = build()
    for problem in requests_elsewhere(SITE):
        print(f"a page loads from another host: {problem}", file=sys.stderr)
        code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
