"""Google's SDK without its messages: it logs to stdout, which is reserved for the result."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping

SDK = "google.cloud.aiplatform"
STORAGE_HOST = "STORAGE_EMULATOR_HOST"
"""The variable by which Google's storage client finds a storage service other than Google's."""


class SdkErrors(logging.Handler):
    """Keeps the errors that the SDK logs before it goes on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, with the exception that is its reason."""
        reason = record.exc_info[1] if record.exc_info else None
        self.found.append(f"{record.getMessage()}: {reason}" if reason else record.getMessage())


@contextlib.contextmanager
def quiet_sdk() -> Iterator[SdkErrors]:
    """Import the SDK and keep its messages from stdout and stderr in the block. Yields the errors that it logs."""
    errors = SdkErrors()
    # Its handlers write to the stdout that is set when it is imported.
    with contextlib.redirect_stdout(sys.stderr):
        import google.cloud.aiplatform  # noqa: F401 - for its loggers

        loggers = [logging.getLogger(name) for name in [SDK, *logging.root.manager.loggerDict] if name.startswith(SDK)]
        before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
        for logger in loggers:
            logger.handlers, logger.propagate = [errors], False
        try:
            yield errors
        finally:
            for logger, handlers, propagate in before:
                logger.handlers, logger.propagate = handlers, propagate


@contextlib.contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in the block. One that the user has set is kept."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


@contextlib.contextmanager
def direct_to_loopback() -> Iterator[None]:
    """Send requests to this machine directly in the block: a proxy of the environment cannot reach it.

    The SDK has no option for it, and `requests` reads `no_proxy` before `NO_PROXY`.
    """
    before = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
    hosts = ",".join(host for host in (*before.values(), "127.0.0.1", "localhost", "::1") if host)
    os.environ.update(dict.fromkeys(before, hosts))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
