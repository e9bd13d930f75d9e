"""Builds the wheel, installs it into a new environment, and runs both commands from there: `make wheel`.

The base install must be light: `hydra-trial` works with it alone, and `hydra-vertex` prints its help.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hydra_plugins", "hydra_vertex")
REQUIRED_FILES = (
    "hydra_vertex/protocol/py.typed",
    "hydra_vertex/job/py.typed",
    "hydra_vertex/trial/py.typed",
    "hydra_vertex/launcher/py.typed",
    "hydra_vertex/service/py.typed",
    "hydra_vertex/pipelines/py.typed",
    "hydra_vertex/cli/py.typed",
    "hydra_plugins/hydra_vertex_sweeper/py.typed",
    "hydra_plugins/hydra_vertex_sweeper/vertex_sweeper.py",
    "hydra_vertex/launcher/report/report.html.j2",
    "hydra_vertex/launcher/report/sections.html.j2",
    "hydra_vertex/launcher/report/page.css",
    "hydra_vertex/launcher/report/page.js",
    "hydra_vertex/launcher/report/live.js",
    "hydra_vertex/launcher/report/logs.js",
    "hydra_vertex/launcher/report/plotly/plotly.min.js",
    "hydra_vertex/launcher/report/plotly/LICENSES.txt",
    "hydra_vertex/pipelines/component_files/tune.yaml",
    "hydra_vertex/pipelines/component_files/select_best.yaml",
    "hydra_vertex/pipelines/component_files/retrain.yaml",
    "hydra_vertex/cli/schemas/run.schema.json",
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-wheel-") as folder:
        wheel = build_wheel(Path(folder, "dist"))
        check_wheel(wheel, Path(folder))
    print(f"{wheel.name}: installs and compiles a pipeline in a new environment")


def check_wheel(wheel: Path, folder: Path) -> None:
    """Check the wheel's contents, and its commands in a new environment in `folder`, without and with the launcher."""
    check_contents(wheel)
    python = new_environment(folder / "venv")
    run(python, "-m", "pip", "install", "--quiet", str(wheel))
    check_light(python)
    scripts = python.parent
    assert "hydra-trial" in run(scripts / "hydra-trial", "--help")
    assert "hydra-vertex run" in run(scripts / "hydra-vertex", "--help")
    run(python, "-m", "pip", "install", "--quiet", "--requirement", str(ROOT / "requirements/image.txt"))
    run(scripts / "hydra-vertex", "compile", "-o", str(folder / "pipeline.json"))
    assert (folder / "pipeline.json").stat().st_size > 1000
    check_component(python, folder)


def check_component(python: Path, folder: Path) -> None:
    """Check that the component files of the wheel are those that the command writes."""
    written = folder / "tune.yaml"
    run(python.parent / "hydra-vertex", "component", "tune", "-o", str(written))
    code = "import hydra_vertex.pipelines as p; from pathlib import Path; print(Path(p.__file__).parent)"
    included = Path(run(python, "-c", code).strip(), "component_files", "tune.yaml")
    lines = [
        [line for line in file.read_text().splitlines() if not line.startswith("sdkVersion")]
        for file in (written, included)
    ]
    assert lines[0] == lines[1], "the wheel's tune.yaml is not the one that `hydra-vertex component` writes"


def build_wheel(target: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", str(target), str(ROOT))
    (wheel,) = target.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert not [name for name in REQUIRED_FILES if name not in names], f"missing in the wheel, one of: {REQUIRED_FILES}"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names), "no licence text in the wheel"
    for package in PACKAGES:
        assert f"{package}/__init__.py" not in names, f"{package} must stay a namespace"
    unexpected = {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")} - {*PACKAGES}
    assert not unexpected, f"unexpected packages in the wheel: {unexpected}"


def check_light(python: Path) -> None:
    """Check that the base install has Hydra and hypertune, and none of the launcher's libraries."""
    installed = {line.split("==")[0].lower() for line in run(python, "-m", "pip", "freeze").splitlines()}
    assert {"hydra-core", "cloudml-hypertune"} <= installed
    assert not installed & {"kfp", "optuna", "google-cloud-aiplatform", "torch", "rich"}, installed


def new_environment(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def run(*command: str | Path) -> str:
    """Run a command and return its stdout. Exits on failure. The working directory has no package of the checkout."""
    ended = subprocess.run(
        [str(part) for part in command], cwd=tempfile.gettempdir(), capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    main()
