"""Limit linear algebra to one thread: small matrices take longer on several, which also takes CPUs from the trials."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # published without types


def one_thread() -> AbstractContextManager[object]:
    """Return a context manager in which this process's BLAS uses one thread, whatever the number of CPUs."""
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 - the controller finds only libraries that are loaded

    return ThreadpoolController()
