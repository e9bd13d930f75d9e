"""Errors from a shortage of disk space, file descriptors, processes or memory; the operation can be retried."""

from __future__ import annotations

import errno

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS})


def is_shortage(error: BaseException) -> bool:
    """Whether the error is an OSError from a shortage of disk space, file descriptors, processes or memory."""
    return isinstance(error, OSError) and error.errno in NO_SPACE | NO_RESOURCES
