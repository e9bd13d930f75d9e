"""Start-up hook of a trial whose app another program starts; Python imports it from PYTHONPATH.

It waits for the import of `hydra.main`. A Python that does not import Hydra is unaffected.
"""

import os
import sys

TYPE_CHECKING = False  # without the import of typing, which every Python would wait for
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

HOOK = "HYDRA_TRIAL_HOOK"
FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would slow every Python down


class HydraMainFinder(object):  # noqa: UP004 - read by any Python
    """A finder of `sys.meta_path` that calls `then` when `hydra.main` has been imported."""

    def __init__(self, then: "Callable[[], None]") -> None:
        self.then = then

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Return the spec of the other finders, with a loader that calls `then` afterwards."""
        if name != "hydra.main":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            spec = None if find_spec is None else find_spec(name, path, target)  # type: Any
            if spec is not None:
                spec.loader = ThenLoader(spec.loader, self.then)
                return spec  # type: ignore[no-any-return] # of another finder
        return None


class ThenLoader(object):  # noqa: UP004 - read by any Python
    """Loads a module with its own loader, and then calls a function."""

    def __init__(self, loader: "Any", then: "Callable[[], None]") -> None:
        self.loader = loader
        self.then = then

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        """Create the module as its own loader does."""
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: "Any") -> None:
        """Execute the module, and remove this loader from it."""
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.then()


def load(name: str) -> "Any":
    """Execute the file of this name from the parent folder, and return its module."""
    import importlib.util

    path = os.path.join(os.path.dirname(FOLDER), name + ".py")  # noqa: PTH118, PTH120
    spec = importlib.util.spec_from_file_location("_hydra_trial_" + name, path)  # type: Any
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prepare() -> None:
    """Make `hydra_vertex` importable, and wait for `hydra.main`."""
    if not os.environ.get(HOOK):
        return
    if sys.version_info < (3, 10):  # noqa: UP036 - this file is read by any Python
        sys.meta_path.insert(0, HydraMainFinder(refuse))
        return
    import json

    load("import_path").install(json.loads(os.environ[HOOK])["installation"])
    sys.meta_path.insert(0, HydraMainFinder(await_main))


def await_main() -> None:
    """Wrap `hydra.main`."""
    from hydra_vertex.trial.wrapped_app import await_main

    await_main()


def refuse() -> None:
    """Exit with one line."""
    sys.stderr.write("hydra-trial: %s is older than Python 3.10, in which hydra-trial runs apps\n" % sys.executable)  # noqa: UP031
    sys.exit(2)


def run_hidden() -> None:
    """Run the `sitecustomize` that this one hides. Python has added the folder to the path; the app does not see it."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    sys.path[:] = [entry for entry in sys.path if entry != FOLDER]
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


prepare()
run_hidden()
