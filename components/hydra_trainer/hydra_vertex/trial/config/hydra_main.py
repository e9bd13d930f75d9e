"""The one place that reaches into Hydra: `hydra.main` is wrapped before the app is run, and the `Hydra` object that it
builds is looked at once for its config loader and once for the job's return value.

Seen to hold in Hydra 1.2 to 1.4: `hydra.main(...)(task)()` parses `sys.argv`, builds search path and plugins, calls
`Hydra.create_main_hydra2`, and for a single job `Hydra.run` on what that returns. The task function is not wrapped, so
its file, its name and its traceback stay the app's own, and child processes can unpickle it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeAlias

from hydra_vertex.protocol.errors import AppError

if TYPE_CHECKING:
    from hydra._internal.hydra import Hydra
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.utils import JobReturn

    from .composition import KnownMode

P = ParamSpec("P")
Launch: TypeAlias = Callable[[], object]
"""The app's decorated main: reads `sys.argv` and runs the app."""
OnLaunch: TypeAlias = Callable[[Launch, str | None], object]
"""What is done instead: gets the launch and the `config_name` that the app gave to `hydra.main`."""


def replace_hydra_main(on_launch: OnLaunch) -> None:
    """From now on, a main function decorated with `hydra.main` calls `on_launch` when the app calls it."""
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
    """Carries the config loader out of Hydra, which reports every Exception on its way and lets this one pass."""

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader = loader


def capture_config_loader(launch: Launch, arguments: Sequence[str]) -> ConfigLoader:
    """Let Hydra find the app's config, as far as its config loader: nothing is composed, logged, written or run.

    `arguments` are the flags that say where the config is. Hydra's own exit (SystemExit) passes through.
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
    raise AppError("hydra.main returned without a config; hydra-vertex knows Hydra 1.2 to 1.4, see which is installed")


def run_and_watch(launch: Launch, on_return: Callable[[JobReturn], None], mode: KnownMode | None = None) -> object:
    """Run the app. `on_return` gets the result of a single job that went well; a multirun has none.

    Hydra composes the whole config a first time only to read `hydra.mode`. With a known `mode` it need not, which pays
    for the composition that typed the parameters.
    """

    def watch(hydra: Hydra) -> Hydra:
        if mode is not None and hasattr(hydra, "get_mode"):
            hydra.get_mode = lambda *_args, **_kwargs: mode.value  # type: ignore[method-assign] # on this object alone
        hydra.run = _watched(hydra.run, on_return)  # type: ignore[method-assign] # on this object alone
        return hydra

    with _on_create(watch):
        return launch()


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

    Hydra.create_main_hydra2 = create_main_hydra2  # type: ignore[method-assign] # put back below
    try:
        yield
    finally:
        Hydra.create_main_hydra2 = original  # type: ignore[method-assign] # as it was


@contextmanager
def _argv(arguments: Sequence[str]) -> Iterator[None]:
    """Hydra reads `sys.argv`. Its warnings are left for the run itself, or they would appear twice."""
    before = sys.argv
    sys.argv = [*before[:1], *arguments]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.argv = before
