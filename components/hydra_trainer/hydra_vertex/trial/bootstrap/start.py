"""Starts hydra-trial in an interpreter that has no hydra-vertex: `python start.py INSTALLATION [argument ...]`."""

import json
import os
import sys

if sys.version_info < (3, 10):  # noqa: UP036 - this file is started by any Python
    sys.stderr.write(
        "hydra-trial: %s is Python %d.%d; hydra-trial runs apps in Python 3.10 and later\n"  # noqa: UP031
        % ((sys.executable,) + tuple(sys.version_info[:2]))  # noqa: RUF005
    )
    sys.exit(2)

if __name__ == "__main__":
    import importlib.util

    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - without pathlib, 10 ms faster
    spec = importlib.util.spec_from_file_location("_hydra_trial_import_path", os.path.join(folder, "import_path.py"))  # noqa: PTH118
    assert spec is not None  # noqa: S101 - the file lies beside this one
    assert spec.loader is not None  # noqa: S101
    import_path = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(import_path)
    import_path.install(json.loads(sys.argv.pop(1)))

    from hydra_vertex.trial.cli import main

    sys.exit(main())
