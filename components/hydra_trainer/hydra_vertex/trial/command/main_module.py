"""Runs a Python program in this process as `python program.py` would: as a real `__main__`.

The module stays in `sys.modules` under that name until the process exits, because multiprocessing reads from it what a
spawned process has to import, and pickle looks up the app's functions there.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.trial.log import tell

from .app_command import Module, Script

_PACKAGE = Path(__file__).parents[1]


def run_as_main(target: Script | Module, arguments: Sequence[str]) -> int:
    """Run the program and return its exit code. Tracebacks are printed as by Python, without frames of this package.

    Raises CommandError when the module does not exist. KeyboardInterrupt is not caught: Python handles Ctrl-C itself.
    """
    try:
        match target:
            case Script(path):
                _run_script(path, arguments)
            case Module(name):
                _run_module(name, arguments)
    except SystemExit as error:
        return _exit_code(error)
    except CommandError:
        raise
    except Exception as error:
        return _show_exception(error.with_traceback(_without_own_frames(error.__traceback__)))
    return 0


def _run_script(path: str, arguments: Sequence[str]) -> None:
    file = str(Path.cwd() / path)
    sys.argv = [path, *arguments]
    _set_first_path(str(Path(file).resolve().parent))
    loader = SourceFileLoader("__main__", file)
    main = _new_main(file, loader, None)
    exec(compile(loader.get_data(file), file, "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - the user's app


def _run_module(name: str, arguments: Sequence[str]) -> None:
    sys.argv = ["-m", *arguments]
    _set_first_path(os.getcwd())  # noqa: PTH109 - a str, as Python itself puts there
    spec, code = _find(name)
    sys.argv[0] = spec.origin or name
    main = _new_main(spec.origin, spec.loader, spec)
    exec(code, main.__dict__)  # noqa: S102 - the user's app


def _find(name: str) -> tuple[ModuleSpec, CodeType]:
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        spec = None
    get_code = getattr(spec.loader, "get_code", None) if spec is not None else None
    code = get_code(spec.name) if spec is not None and get_code is not None else None
    if spec is None or not isinstance(code, CodeType):
        raise CommandError(f"python -m {name}: no runnable module of that name; searched from {Path.cwd()}")
    return spec, code


def _new_main(file: str | None, loader: object, spec: ModuleSpec | None) -> ModuleType:
    main = ModuleType("__main__")
    main.__dict__.update(
        __builtins__=sys.modules["builtins"],
        __file__=file,
        __cached__=spec.cached if spec else None,
        __loader__=loader,
        __package__=spec.parent if spec else None,
        __spec__=spec,
    )
    sys.modules["__main__"] = main
    return main


def _set_first_path(folder: str) -> None:
    """Replace hydra-trial's own folder in `sys.path[0]`. Python adds none with `-P`, `-I` or PYTHONSAFEPATH."""
    if not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
        sys.path[0] = folder


def _exit_code(error: SystemExit) -> int:
    match error.code:
        case None:
            return 0
        case int(code):
            return code
        case message:
            with suppress(Exception):
                print(message, file=sys.stderr or sys.__stderr__)
            return 1


def _show_exception(error: Exception) -> int:
    """Call `sys.excepthook`, which may be the app's own. Return the exit code."""
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit as leaving:
        return _exit_code(leaving)
    except Exception as failure:
        tell("the app's sys.excepthook failed; its error and the app's error follow:")
        for shown in (failure, error):
            sys.__excepthook__(type(shown), shown, shown.__traceback__)
    return 1


def _without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Remove the frames of this package, also those between the frames of Hydra and of the app."""
    if traceback is None:
        return None
    rest = _without_own_frames(traceback.tb_next)
    if Path(traceback.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE):
        return rest
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
