"""Files that only the user can read, and the umask of the apps that are started meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

APP_UMASK = "HYDRA_VERTEX_APP_UMASK"
"""The user's own umask, in octal. The apps are started with it, because their outputs are the user's own files."""

UNCHANGED = -1
"""The umask that the functions of `subprocess` take for: that of this process."""

PRIVATE_UMASK = 0o077


@contextlib.contextmanager
def private_files(*, of_apps: bool = False) -> Iterator[None]:
    """Within this context, files and folders made by this process and its children are private to the user.

    Their modes are 0600 and 0700. Sets APP_UMASK, unless an outer context has set it. With `of_apps`, the files of the
    apps are private too.
    """
    before = os.umask(PRIVATE_UMASK)
    is_outer = APP_UMASK not in os.environ
    if is_outer:
        os.environ[APP_UMASK] = f"{before | PRIVATE_UMASK if of_apps else before:03o}"
    try:
        yield
    finally:
        os.umask(before)
        if is_outer:
            os.environ.pop(APP_UMASK, None)


def app_umask(environ: Mapping[str, str]) -> int:
    """Return the umask with which an app is started; UNCHANGED when no one has set APP_UMASK."""
    text = environ.get(APP_UMASK, "")
    return int(text, 8) & 0o777 if text and set(text) <= set("01234567") else UNCHANGED
