"""Options of the live page, and the page beside a command."""

from __future__ import annotations

import argparse
import contextlib
import html
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import say
from hydra_vertex.protocol.errors import CommandError

if TYPE_CHECKING:
    from hydra_vertex.launcher.live_page.server import PageServer, PagesOf

_LIBRARIES = ("starlette", "uvicorn", "jinja2")


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("live page")
    group.add_argument(
        "--page",
        action=argparse.BooleanOptionalAction,
        help="serve the report as a page on 127.0.0.1 that changes while the command runs, and print its link "
        "(default: in a terminal)",
    )
    group.add_argument("--open", action="store_true", help="serve the page, and open it in the browser")


def wants_page(arguments: argparse.Namespace) -> bool:
    """Whether the command has a live page. Raises CommandError for options that contradict each other.

    Without the options a terminal gets it, if its libraries are installed.
    """
    if arguments.open and arguments.page is False:
        raise CommandError("--open opens the page that --no-page leaves out; leave one of the two out")
    if arguments.page is not None or arguments.open:
        return bool(arguments.page or arguments.open)
    return sys.stderr.isatty() and all(importlib.util.find_spec(name) for name in _LIBRARIES)


@contextlib.contextmanager
def page_beside(pages_of: Callable[[], PagesOf], command: str, *, opens: bool) -> Iterator[PageServer | None]:
    """Serve pages during the block, and print their link. `command` is what the page says has ended with the block.

    A page that cannot be served is said so, and is no reason not to run a study: the block then gets None.
    """
    from hydra_vertex.launcher.live_page.server import PageServer

    end_message = f"{command} has ended, and with it this page's connection. What you see is the last state."
    try:
        server = PageServer(pages_of(), end_message)
    except OSError as error:
        say(f"there is no live page: {error}")
        yield None
        return
    with server, contextlib.ExitStack() as files:
        say(f"live page: {server.url}")
        if opens:
            _open(server.url, files)
        yield server


def _open(url: str, files: contextlib.ExitStack) -> None:
    """Open a page in the browser, which gets a file that leads to the page. `files` removes the file.

    Other users of the machine can read the command lines of processes, and the link has the token; only this user can
    read the file.
    """
    import tempfile

    try:
        folder = files.enter_context(tempfile.TemporaryDirectory(prefix="hydra-vertex-page-"))
        file = Path(folder, "open.html")
        file.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(url)}">')
    except OSError as error:
        say(f"--open: {error}; open the link yourself")
        return
    # Some browsers end only when their window is closed, and the command must not wait for that.
    threading.Thread(target=_show, args=(file.as_uri(),), name="browser", daemon=True).start()


def _show(address: str) -> None:
    """Open an address in a graphical browser; one that runs in the terminal would hide the command's own output."""
    import webbrowser

    with contextlib.suppress(webbrowser.Error):
        browser = webbrowser.get()
        is_textual = type(browser) is webbrowser.GenericBrowser and not os.environ.get("BROWSER")
        if not is_textual and browser.open(address):
            return
    say("--open: no graphical browser was found; open the link yourself")
