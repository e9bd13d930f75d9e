"""Threads for the computations of requests (parsing, checking, filtering, serialising), outside the event loop.

Only for pure functions: the engine and its database must be used in the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Separate from asyncio.to_thread, so that many requests do not delay the suggestions of running studies; two only,
# because the event loop waits longer for the GIL the more threads compete for it.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="request")


async def in_thread(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a pure function, computed in a thread for requests."""
    return await asyncio.wrap_future(_THREADS.submit(act, *args, **kwargs))
