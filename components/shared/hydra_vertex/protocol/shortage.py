"""Errors that pass: the machine has run out of something, and an operation that failed for it can be tried again."""

from __future__ import annotations

import errno

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS})


def is_shortage(error: BaseException) -> bool:
    """Whether an OSError says that space, file descriptors, processes or memory are short at the moment."""
    return isinstance(error, OSError) and error.errno in NO_SPACE | NO_RESOURCES
