"""Threads for what a request has computed: reading, checking, filtering, writing. The event loop goes on meanwhile.

Only for pure work: the engine and its database live in the event loop's own thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Two, and not those of asyncio.to_thread: a flood of requests must keep neither the suggestions of running studies
# waiting, nor the event loop, which gets the interpreter back the later the more threads compete for it.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="request")


async def in_thread(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a pure function, computed in a thread for requests."""
    return await asyncio.wrap_future(_THREADS.submit(act, *args, **kwargs))
