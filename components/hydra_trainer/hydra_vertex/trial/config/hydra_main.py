"""Wraps `hydra.main` and reads the config loader and the job's return value from Hydra's internal `Hydra` object.

Only this module patches Hydra. Verified for Hydra 1.2 to 1.4: `hydra.main(...)(task)()` parses `sys.argv`, builds the
search path and the plugins, calls `Hydra.create_main_hydra2`, and for a single job `Hydra.run` of the result. The task
function is not wrapped, so its file, its name and its traceback stay those of the app, and child processes can unpickle
it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias

from hydra_vertex.protocol.errors import AppError

if TYPE_CHECKING:
    from hydra._internal.hydra import Hydra
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.utils import JobReturn

    from .composition import KnownMode

P = ParamSpec("P")
_PARSED = "parsed_overrides"
"""The argument of `Hydra.run` with which Hydra 1.4 passes the overrides that it has parsed before."""
Launch: TypeAlias = Callable[[], object]
"""The app's decorated main function: parses `sys.argv` and runs the app."""
OnLaunch: TypeAlias = Callable[[Launch, str | None], object]
"""Called instead of the launch, with the launch and the `config_name` that the app passed to `hydra.main`."""


def replace_hydra_main(on_launch: OnLaunch) -> None:
    """Patch `hydra.main`, so that a main function decorated from now on calls `on_launch` when the app calls it."""
    hydra = importlib.import_module("hydra")
    module = importlib.import_module("hydra.main")
    original = vars(module)["main"]
    signature = inspect.signature(original)

    @functools.wraps(original)
    def main(*args: object, **kwargs: object) -> Callable[[Callable[..., object]], Callable[..., object]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            decorate = original(*args, **kwargs)
        config_name = signature.bind(*args, **kwargs).arguments.get("config_name")
        for warning in caught:  # Hydra means the app's line, which is one further up than without this function.
            warnings.warn(warning.message, warning.category, stacklevel=2)
        return lambda task: _wrap(decorate(task), on_launch, config_name)

    vars(hydra)["main"] = main  # `import hydra; @hydra.main(...)`
    vars(module)["main"] = main  # `from hydra.main import main`


def _wrap(decorated: Callable[..., object], on_launch: OnLaunch, config_name: str | None) -> Callable[..., object]:
    @functools.wraps(decorated)
    def decorated_main(cfg_passthrough: object = None) -> object:
        if cfg_passthrough is not None:
            return decorated(cfg_passthrough)
        return on_launch(decorated, config_name)

    return decorated_main


class _Captured(BaseException):
    """Transports the config loader out of Hydra, which catches every Exception but no other BaseException."""

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader = loader


def capture_config_loader(launch: Launch, arguments: Sequence[str]) -> ConfigLoader:
    """Start Hydra until it has built its config loader: nothing is composed, logged, written or run.

    `arguments` are the flags that locate the config. Hydra's own exit (SystemExit) is not caught. Raises AppError when
    Hydra returns without a config loader.
    """
    from hydra.core.global_hydra import GlobalHydra

    def capture(hydra: Hydra) -> Hydra:
        GlobalHydra.instance().clear()
        raise _Captured(hydra.config_loader)

    with _argv(arguments), _on_create(capture):
        try:
            launch()
        except _Captured as captured:
            return captured.loader
    raise AppError("hydra.main returned without a config; hydra-vertex needs Hydra 1.2 to 1.4, see which is installed")


def run_and_watch(
    launch: Launch, on_return: Callable[[JobReturn], None], mode: KnownMode | None = None, *, is_one_run: bool = False
) -> object:
    """Run the app. `on_return` is called with the result of a single job that succeeded, and not in a multirun.

    Hydra composes the whole config an additional time only to read `hydra.mode`. A known `mode` saves this composition,
    which compensates for the one that typed the parameters. With `is_one_run`, a config with `hydra.mode: MULTIRUN` is
    run once too: a trial is one job of a sweep.
    """

    def watch(hydra: Hydra) -> Hydra:
        if hasattr(hydra, "get_mode"):
            _settle_mode(hydra, mode, is_one_run=is_one_run)
        hydra.run = _watched(hydra.run, on_return)  # type: ignore[method-assign] # on this object alone
        return hydra

    with _on_create(watch):
        return launch()


def _settle_mode(hydra: Hydra, mode: KnownMode | None, *, is_one_run: bool) -> None:
    """Make Hydra use the known mode, and with `is_one_run` never MULTIRUN, as its flag `--run` does."""
    from hydra.types import RunMode

    original = hydra.get_mode

    def get_mode(*args: Any, **kwargs: Any) -> RunMode | None:
        found = original(*args, **kwargs) if mode is None else mode.value
        if not is_one_run or not (found is RunMode.MULTIRUN or _reads_primary_config(hydra)):
            return found
        hydra.run = _with_override(hydra.run, "hydra.mode=RUN")  # type: ignore[method-assign] # on this object alone
        return RunMode.RUN

    hydra.get_mode = get_mode  # type: ignore[method-assign] # on this object alone


def _reads_primary_config(hydra: Hydra) -> bool:
    """Whether Hydra reads the mode before it composes, as 1.4 does, and refuses a config that changes it later."""
    return hasattr(hydra.config_loader, "get_mode")


def _with_override(run: Callable[..., JobReturn], override: str) -> Callable[..., JobReturn]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    @functools.wraps(run)
    def with_override(*args: object, overrides: Sequence[str], **kwargs: Any) -> JobReturn:
        parsed = kwargs.get(_PARSED)
        if parsed is not None:
            kwargs = {**kwargs, _PARSED: [*parsed, OverridesParser.create().parse_override(override)]}
        return run(*args, overrides=[*overrides, override], **kwargs)

    return with_override


def _watched(run: Callable[P, JobReturn], on_return: Callable[[JobReturn], None]) -> Callable[P, JobReturn]:
    @functools.wraps(run)
    def watched(*args: P.args, **kwargs: P.kwargs) -> JobReturn:
        job = run(*args, **kwargs)
        on_return(job)
        return job

    return watched


@contextmanager
def _on_create(act: Callable[[Hydra], Hydra]) -> Iterator[None]:
    from hydra._internal.hydra import Hydra

    original = inspect.getattr_static(Hydra, "create_main_hydra2")

    def create_main_hydra2(*args: object, **kwargs: object) -> Hydra:
        return act(original.__get__(None, Hydra)(*args, **kwargs))

    Hydra.create_main_hydra2 = create_main_hydra2  # type: ignore[method-assign] # restored below
    try:
        yield
    finally:
        Hydra.create_main_hydra2 = original  # type: ignore[method-assign] # restored


@contextmanager
def _argv(arguments: Sequence[str]) -> Iterator[None]:
    """Set `sys.argv` for Hydra. Its warnings are suppressed here, because the run repeats them."""
    before = sys.argv
    sys.argv = [*before[:1], *arguments]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.argv = before
