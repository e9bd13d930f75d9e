"""The layer that puts hydra-vertex on an image of an app. Pure, but for the question what is installed here."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import CommandError

from .python_in_image import PythonInImage

DISTRIBUTION = "hydra-vertex"
STEPS = "launcher"
"""The extra with what the pipeline's steps and the tuning service need."""
_OWN = "/tmp/hydra-vertex-constraints.txt"  # noqa: S108 - a file of an image


@dataclass(frozen=True, slots=True)
class Package:
    """The hydra-vertex that an image gets: a version from the package index, or a wheel of this machine."""

    version: str
    wheel: Path | None = None


def package_from(text: str) -> Package:
    """Parse a version or the path of a wheel; empty for the version that runs now. Raises CommandError."""
    if not text:
        return Package(distribution(DISTRIBUTION).version)
    if text.endswith(".whl"):
        return Package(_version_of_wheel(Path(text)), Path(text))
    try:
        return Package(str(Version(text)))
    except InvalidVersion as error:
        raise CommandError(
            f"--hydra-vertex {excerpt(repr(text))}: expected a version such as 0.2.0, or the path of a wheel"
        ) from error


def _version_of_wheel(file: Path) -> str:
    if not file.is_file():
        raise CommandError(f"--hydra-vertex {file}: there is no such file")
    try:
        name, version, *_ = parse_wheel_filename(file.name)
    except InvalidWheelFilename as error:
        raise CommandError(f"--hydra-vertex {file}: not the name of a wheel") from error
    if name != DISTRIBUTION:
        raise CommandError(f"--hydra-vertex {file}: a wheel of {name}; expected one of {DISTRIBUTION}")
    return str(version)


def require_on_index(package: Package) -> None:
    """Check that the version can come from a package index. Raises CommandError for one that runs from a folder."""
    here = distribution(DISTRIBUTION)
    origin = here.read_text("direct_url.json")
    if package.wheel is None and origin and package.version == here.version:
        folder = str(json.loads(origin).get("url", "")).removeprefix("file://")  # type: ignore[union-attr]
        raise CommandError(
            f"hydra-vertex {package.version} was installed from {folder} and not from a package index, so the image "
            f"cannot get it there; build a wheel with `pip wheel --no-deps --wheel-dir dist {shlex.quote(folder)}` and "
            "give it with --hydra-vertex dist/NAME.whl"
        )


def needs_package(found: PythonInImage, package: Package, *, trial_only: bool, name: str) -> bool:
    """Whether hydra-vertex has to be installed. Raises CommandError when it cannot be, or another version is there."""
    if found.hydra_vertex and found.hydra_vertex != package.version:
        raise CommandError(
            f"{name}: has hydra-vertex {found.hydra_vertex} already, and not {package.version}; change the app's own "
            f"requirements, or give --hydra-vertex {found.hydra_vertex}"
        )
    if found.hydra_vertex and (trial_only or found.has_steps):
        return False
    if not found.has_pip and not found.has_uv:
        raise CommandError(f"{name}: its python has no pip, and it has no uv; install one of them in the Dockerfile")
    if found.is_managed:
        raise CommandError(
            f"{name}: its python belongs to the distribution (PEP 668), so pip installs nothing into it; give the app "
            "a virtual environment in the Dockerfile: RUN python3 -m venv /opt/venv, ENV PATH=/opt/venv/bin:$PATH"
        )
    return True


def layer_text(
    base: str, found: PythonInImage, package: Package, user: str, *, installs: bool, trial_only: bool
) -> str:
    """Return the Dockerfile of the layer. `user` is the image's own, which it keeps; empty for root."""
    labels = f"LABEL io.hydra-vertex.version={package.version}\n"
    entry = 'ENTRYPOINT ["hydra-trial"]\nCMD ["--help"]\n'
    if not installs:
        return f"FROM {base}\n{labels}{entry}"
    copy = "" if package.wheel is None else f"COPY {package.wheel.name} /tmp/\n"
    back = f"USER {user}\n" if user else ""
    return f"FROM {base}\nUSER 0:0\n{copy}RUN {_install(found, package, trial_only)}\n{labels}{back}{entry}"


def _install(found: PythonInImage, package: Package, trial_only: bool) -> str:
    """Return the shell command. The versions that the app has are constraints, so that none of them changes."""
    extra = "" if trial_only else f"[{STEPS}]"
    wheel = None if package.wheel is None else f"/tmp/{package.wheel.name}"  # noqa: S108 - a file of an image
    what = shlex.quote(f"{DISTRIBUTION}{extra}=={package.version}" if wheel is None else f"{wheel}{extra}")
    python = "" if found.has_pip else ' --python "$(command -v python)"'
    tool = "python -m pip" if found.has_pip else "uv pip"
    no_cache = "--no-cache-dir" if found.has_pip else "--no-cache"
    rm = f"rm -f {_OWN}{f' {shlex.quote(wheel)}' if wheel else ''}"
    own = f"{tool} list --format=freeze{python} > {_OWN} \\\n  && sed -i '/^{DISTRIBUTION}==/d' {_OWN}"
    install = f"{tool} install {no_cache}{python} --constraint {_OWN} {what}"
    return f"{own} \\\n  && {install} \\\n  && {rm}"
