"""Checks a release: `make release-check` builds the sdist and the wheel, checks them and installs them.

Each archive is installed on every Python of the classifiers that this machine has, and both commands are run there.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from matrix.environments import find_interpreter, uv
from release.version import changelog_heading, project_version, supported_pythons
from release.wheel import PACKAGES, ROOT, check_wheel, run


def main() -> int:
    """Run all checks. Returns 0; a failed check raises AssertionError or exits with the output of the command."""
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-release-") as name:
        folder = Path(name)
        sdist, wheel = build(folder / "dist")
        check_metadata(sdist, wheel)
        check_same_wheel(wheel, folder / "from-tree")
        print(f"{wheel.name}: the same from the sdist as from the checkout, and its metadata is complete")
        for line in install_everywhere((wheel, sdist), folder / "installed"):
            print(line)
        check_wheel(wheel, folder)
        print(f"{wheel.name}: compiles a pipeline in a new environment")
    print(f"hydra-vertex {project_version()}: all release checks passed; the changelog has {changelog_heading()!r}")
    return 0


def build(target: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it. Returns both paths."""
    run(sys.executable, "-m", "build", "--outdir", target, ROOT)
    (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    for archive in (sdist, wheel):
        assert f"-{project_version()}" in archive.name, f"{archive.name}: expected version {project_version()}"
    return sdist, wheel


def check_metadata(sdist: Path, wheel: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    run(Path(sys.executable).parent / "check-wheel-contents", f"--toplevel={','.join(PACKAGES)}", wheel)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "pyproject.toml"} - names
    assert not missing, f"missing in the sdist: {sorted(missing)}"


def check_same_wheel(wheel: Path, folder: Path) -> None:
    """Check that the wheels from the sdist and from the checkout have the same files, byte for byte."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT)
    (other,) = folder.glob("*.whl")
    differ = contents(wheel) ^ contents(other)
    assert not differ, f"the wheel of the sdist differs in {sorted({name for name, _ in differ})}"


def contents(wheel: Path) -> set[tuple[str, int]]:
    with zipfile.ZipFile(wheel) as archive:
        return {(info.filename, info.CRC) for info in archive.infolist()}


def install_everywhere(archives: tuple[Path, ...], folder: Path) -> Iterator[str]:
    """Install the archives on each supported Python. Yields one line per Python, also for a skipped one."""
    for version in supported_pythons():
        interpreter = find_interpreter(version)
        if interpreter is None:
            yield f"Python {version}: skipped, no working interpreter on PATH or in pyenv"
            continue
        for archive in archives:
            install_and_run(archive, interpreter, folder / version / archive.suffix)
        yield f"Python {version}: {' and '.join(archive.name for archive in archives)} install, and both commands run"


def install_and_run(archive: Path, interpreter: Path, folder: Path) -> None:
    run(uv(), "venv", "--quiet", "--python", interpreter, folder)
    run(uv(), "pip", "install", "--quiet", "--python", folder / "bin/python", archive)
    for command in ("hydra-trial", "hydra-vertex"):
        assert run(folder / "bin" / command, "--version") == f"{command} {project_version()}\n", command
        assert command in run(folder / "bin" / command, "--help")


if __name__ == "__main__":
    sys.exit(main())
