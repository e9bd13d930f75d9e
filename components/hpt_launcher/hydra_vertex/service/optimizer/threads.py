"""The model's matrices are small: on several threads they take longer, and take CPUs from the trials."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # published without types


def one_thread() -> AbstractContextManager[object]:
    """While it lasts, linear algebra in this process uses one thread, whatever the number of CPUs."""
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 - its library must be there to be found

    return ThreadpoolController()
