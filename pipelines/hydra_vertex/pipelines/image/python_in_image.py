"""Asks an image about its Python: version, installers, hydra-vertex, and files that usually hold secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import CommandError

from .context import SECRET_NAMES
from .docker_cli import run_container

_OLDEST = (3, 10)
_LIMIT_S = 300.0
_NOT_STARTED = {125, 126, 127}
"""Exit codes of `docker run` when the container or its command cannot be started."""

_PROGRAM = """
import fnmatch, json, os, shutil, sys, sysconfig
from importlib import metadata, util
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
def has(name):
    try:
        return util.find_spec(name) is not None
    except ImportError:
        return False
names, found = json.loads(sys.argv[1]), []
if os.getcwd() != "/":
    for folder, folders, files in os.walk("."):
        folders[:] = [name for name in folders if not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))]
        for file in files + folders:
            if any(fnmatch.fnmatchcase(file, name) for name in names):
                found.append(os.path.join(folder, file))
        if len(found) > 20:
            break
managed = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
print("\\n" + json.dumps({
    "python": list(sys.version_info[:3]), "pip": has("pip"), "uv": bool(shutil.which("uv")), "folder": os.getcwd(),
    "isManaged": sys.prefix == sys.base_prefix and os.path.exists(managed),
    "hydraVertex": version("hydra-vertex"), "hasSteps": has("google.cloud.aiplatform_v1") and has("uvicorn"),
    "secretFiles": sorted(found)[:20],
}))
"""


@dataclass(frozen=True, slots=True)
class PythonInImage:
    """What the command `python` of an image is. `hydra_vertex` is a version; empty when it is not installed.

    `secret_files` are below its working directory, relative to it. `is_managed`: pip installs only into a virtual
    environment (PEP 668).
    """

    version: tuple[int, ...]
    has_pip: bool
    has_uv: bool
    is_managed: bool
    hydra_vertex: str
    has_steps: bool
    folder: str
    secret_files: tuple[str, ...]

    @property
    def version_text(self) -> str:
        """The version, such as `3.11.2`."""
        return ".".join(map(str, self.version))


def python_in_image(image: str, name: str) -> PythonInImage:
    """Start `python` in the image, without a network. `name` is that of the image in messages.

    Raises CommandError when it has no Python of a supported version, DockerError when the engine fails.
    """
    arguments = ["--network", "none", "--entrypoint", "python", image, "-c", _PROGRAM, json.dumps(list(SECRET_NAMES))]
    ended = run_container(arguments, _LIMIT_S)
    if ended.returncode in _NOT_STARTED:
        raise CommandError(
            f"{name}: the command python cannot be started in it ({_last_line(ended.stderr)}); hydra-trial and the "
            "pipeline's steps are started with it, so put the app's Python on PATH under this name"
        )
    answer = _answer(ended.stdout)
    if ended.returncode != 0 or answer is None:
        raise CommandError(f"{name}: its python fails to start ({_last_line(ended.stderr)}); repair the image")
    found = _parsed(answer)
    if found.version < _OLDEST:
        raise CommandError(
            f"{name}: its python is {found.version_text}; hydra-vertex needs {'.'.join(map(str, _OLDEST))} or later"
        )
    return found


def _answer(stdout: str) -> Mapping[str, object] | None:
    lines = [line for line in stdout.splitlines() if line.strip()]
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return answer if isinstance(answer, Mapping) and "python" in answer else None


def _parsed(answer: Mapping[str, object]) -> PythonInImage:
    version, files = answer.get("python"), answer.get("secretFiles")
    return PythonInImage(
        version=tuple(int(part) for part in version) if isinstance(version, list) else (),
        has_pip=answer.get("pip") is True,
        has_uv=answer.get("uv") is True,
        is_managed=answer.get("isManaged") is True,
        hydra_vertex=str(answer.get("hydraVertex", "")),
        has_steps=answer.get("hasSteps") is True,
        folder=str(answer.get("folder", "")),
        secret_files=tuple(map(str, files)) if isinstance(files, list) else (),
    )


def _last_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("See 'docker run")]
    return excerpt(lines[-1], 400) if lines else "it printed nothing"
