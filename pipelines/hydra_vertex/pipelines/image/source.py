"""What an image of an app is built from: the user's Dockerfile, an image, or a file of requirements."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.protocol.errors import CommandError, OutputError
from hydra_vertex.protocol.json import Json

if sys.version_info >= (3, 11):
    import tomllib
else:
    try:
        import tomli as tomllib
    except ModuleNotFoundError:
        tomllib = None

DOCKERFILE = "Dockerfile"
UV_LOCK = "uv.lock"
REQUIREMENTS = "requirements.txt"
PYPROJECT = "pyproject.toml"
_SEARCHED = (DOCKERFILE, UV_LOCK, REQUIREMENTS, PYPROJECT)
_OTHERS = {
    "environment.yml": "conda's environment",
    "environment.yaml": "conda's environment",
    "Pipfile": "Pipenv's",
    "setup.py": "setuptools' without a pyproject.toml",
}


@dataclass(frozen=True, slots=True)
class OwnDockerfile:
    """The user's Dockerfile, which is built as it is."""

    file: Path


@dataclass(frozen=True, slots=True)
class ExistingImage:
    """An image that has the app already."""

    name: str


@dataclass(frozen=True, slots=True)
class UvProject:
    """A project of uv with its `uv.lock`. `refers_to_files`: the lock names other folders, as of a workspace."""

    has_build_system: bool
    refers_to_files: bool = False


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """A file for `pip install --requirement`. `name` is its path in the context."""

    name: str
    refers_to_files: bool


@dataclass(frozen=True, slots=True)
class PyProject:
    """A pyproject.toml without a lock. `dependencies` is None for a project that pip builds and installs."""

    dependencies: tuple[str, ...] | None


WrittenFor = UvProject | RequirementsFile | PyProject
"""Sources for which a Dockerfile is written."""
Source = OwnDockerfile | ExistingImage | WrittenFor


def find_source(context: Path, requirements: Path | None = None) -> OwnDockerfile | WrittenFor:
    """Return what the folder is built from; `requirements` chooses a file. Raises CommandError, OutputError.

    The first of Dockerfile, uv.lock, requirements.txt and pyproject.toml counts.
    """
    if requirements is not None:
        return _chosen(context, requirements)
    for name in _SEARCHED:
        if (context / name).is_file():
            return OwnDockerfile(context / name) if name == DOCKERFILE else _of_file(context, context / name)
    others = [f"{name} ({what})" for name, what in _OTHERS.items() if (context / name).exists()]
    found = f"; {', '.join(others)} is not read" if others else ""
    raise CommandError(
        f"{context}: has none of {', '.join(_SEARCHED)}{found}. Write a Dockerfile or a requirements.txt "
        "(`pip freeze > requirements.txt`), name one with --requirements, or give the folder of the app with --context"
    )


def _chosen(context: Path, file: Path) -> WrittenFor:
    if not file.is_file():
        raise CommandError(f"--requirements {file}: there is no such file")
    if not file.resolve().is_relative_to(context.resolve()):
        raise CommandError(f"--requirements {file}: lies outside the context {context}; give --context a folder above")
    if file.name in {UV_LOCK, PYPROJECT} and file.resolve().parent != context.resolve():
        raise CommandError(f"--requirements {file}: has to lie directly in the context; give --context {file.parent}")
    return _of_file(context, file)


def _of_file(context: Path, file: Path) -> WrittenFor:
    match file.name:
        case "uv.lock":
            return UvProject("build-system" in _toml(context / PYPROJECT), _names_folders(_toml(file)))
        case "pyproject.toml":
            return _of_pyproject(file)
        case _:
            return _of_requirements(file, file.resolve().relative_to(context.resolve()).as_posix())


def _names_folders(lock: dict[str, Json]) -> bool:
    """Whether a uv.lock has a package from a folder other than the project's own. Source: uv's `lock/mod.rs`."""
    packages = lock.get("package")
    sources = (
        [_table(item, "source") for item in packages if isinstance(item, dict)] if isinstance(packages, list) else []
    )
    return any(
        source.get(kind, ".") != "." for source in sources for kind in ("editable", "virtual", "directory", "path")
    )


def _of_requirements(file: Path, name: str) -> RequirementsFile:
    lines = [line.strip() for line in _text(file).splitlines()]
    if not any(line and not line.startswith("#") for line in lines):
        raise CommandError(f"{file}: names no requirement; the app needs hydra-core at least")
    refers = any(line.startswith(("-r", "-c", "-e", "--r", "--c", "--e", ".", "/", "file:")) for line in lines)
    return RequirementsFile(name, refers or any("file:" in line for line in lines))


def _of_pyproject(file: Path) -> PyProject:
    document = _toml(file)
    poetry = _table(_table(document, "tool"), "poetry")
    if poetry.get("package-mode") is False:
        raise CommandError(
            f"{file}: a Poetry project that is no package (package-mode = false), which pip cannot install; write "
            "requirements.txt with `poetry export`"
        )
    if "build-system" in document:
        return PyProject(None)
    project = _table(document, "project")
    listed = project.get("dependencies")
    if not isinstance(listed, list) or not listed:
        raise CommandError(
            f"{file}: has neither a [build-system] nor project.dependencies; list the app's requirements there or in "
            "requirements.txt"
        )
    return PyProject(tuple(str(item) for item in listed))


def requires_python(context: Path) -> tuple[str, ...]:
    """Return the version specifiers of Python in the folder's pyproject.toml, of which one has to hold.

    They are `project.requires-python`, else Poetry's constraint. Empty when there is none. Raises OutputError.
    """
    file = context / PYPROJECT
    document = _toml(file) if file.is_file() else {}
    required = str(_table(document, "project").get("requires-python", ""))
    poetry = _table(_table(_table(document, "tool"), "poetry"), "dependencies").get("python", "")
    constraint = poetry.get("version", "") if isinstance(poetry, dict) else poetry
    if required or not isinstance(constraint, str) or not constraint:
        return (required,) if required else ()
    return tuple(_specifiers(alternative) for alternative in re.split(r"\|\|?", constraint))


def _specifiers(constraint: str) -> str:
    """Return a constraint of Poetry, such as `^3.10,!=3.12.0`, as version specifiers.

    Source of the forms: https://python-poetry.org/docs/dependency-specification/#version-constraints.
    """
    parts = re.split(r"\s*,\s*|(?<=[\w*])\s+", constraint.strip())
    return ",".join(_specifier(part) for part in parts if part not in ("", "*"))


def _specifier(part: str) -> str:
    if not part.startswith("^") and (not part.startswith("~") or part.startswith("~=")):
        return f"=={part}" if part[0].isdigit() else part
    version = part[1:].strip()
    numbers = version.split(".")
    same = numbers[:1] if part.startswith("^") else numbers[:2]  # ^3.10 is any later 3.x, ~3.10 any 3.10.x
    return f">={version},=={'.'.join(same)}.*"


def _table(document: dict[str, Json], name: str) -> dict[str, Json]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _toml(file: Path) -> dict[str, Json]:
    if tomllib is None:
        raise CommandError(f"{file}: reading it needs Python 3.11 or tomli; write a requirements.txt or a Dockerfile")
    try:
        document: dict[str, Json] = tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{file}: is not TOML ({error})") from error
    return document


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{file}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: is not UTF-8 text ({error.reason})") from error
