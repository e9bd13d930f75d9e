"""Builds an image of an app: the app's own image, the layer with hydra-vertex, the check in it, the push."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.command import PROGRAM, SEPARATOR, own_words_option
from hydra_vertex.protocol.errors import AppError, CommandError, UserError
from hydra_vertex.protocol.json import Json, JsonObject

from .context import DOCKERFILE_NAME, DOCKERIGNORE, Context
from .docker_cli import DockerError, ImageName, docker_output, docker_shown, inspected, run_container
from .layer import Package, layer_text, needs_package, require_on_index
from .python_in_image import PythonInImage, python_in_image
from .secrets_in_image import exposed_secrets
from .source import ExistingImage, OwnDockerfile

CHECK_LIMIT_S = 900.0
"""Seconds for the composition of the app's config in the image, which may be emulated."""
_INTERMEDIATE = "hydra-vertex-intermediate"
_DENIED = re.compile(r"denied|unauthori[sz]ed|authentication required|no basic auth|forbidden", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WrittenDockerfile:
    """A Dockerfile that was written for the app. `context` None: docker sends the folder, by its .dockerignore."""

    text: str
    context: Context | None


Recipe = OwnDockerfile | ExistingImage | WrittenDockerfile


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built. `options` are further options of `docker build`; `folder` is the build context."""

    name: ImageName
    app: tuple[str, ...]
    recipe: Recipe
    folder: Path
    package: Package
    trial_only: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image with the app and hydra-vertex in it, tagged with its name."""

    name: ImageName
    image_id: str
    size_bytes: int
    python: PythonInImage
    notices: tuple[str, ...]


def build_image(order: Order, say: Callable[[str], None]) -> BuiltImage:
    """Build the image, check that the app composes in it, and give it its name; an image that fails gets none.

    Raises CommandError and UserError for what the user has to change, AppError when the app fails, DockerError.
    """
    with _built(order) as own:
        found = python_in_image(own, str(order.name))
        notices = _require_no_secrets(order, own, found)
        installs = needs_package(found, order.package, trial_only=order.trial_only, name=str(order.name))
        if installs:
            require_on_index(order.package)
        with _with_layer(order, own, found, installs=installs) as final:
            say(f"checking in the image, without a network, that the app's config composes: {shlex.join(order.app)}")
            require_composition(final, order.app)
            docker_output(["tag", final, str(order.name)])
    built = inspected(str(order.name))
    size = built.get("Size")
    python = python_in_image(str(order.name), str(order.name)) if installs else found
    return BuiltImage(order.name, str(built["Id"]), size if isinstance(size, int) else 0, python, notices)


@contextmanager
def _built(order: Order) -> Iterator[str]:
    """Build the app's own image under a name of its own, which is removed at the end; its layers are kept."""
    if isinstance(order.recipe, ExistingImage):
        _require_image(order.recipe.name)
        yield order.recipe.name
        return
    name = f"localhost/{_INTERMEDIATE}:{uuid.uuid4().hex[:12]}"
    options = ["--tag", name, *order.options]
    try:
        match order.recipe:
            case OwnDockerfile(file):
                _build(["--file", str(file), *options, str(order.folder)], str(file))
            case WrittenDockerfile(text, None):
                with _folder_with("Dockerfile", text) as folder:
                    _build(["--file", str(folder / "Dockerfile"), *options, str(order.folder)], "the Dockerfile above")
            case WrittenDockerfile(text, context):
                _build(["--file", DOCKERFILE_NAME, *options, "-"], "the Dockerfile above", context, text)
        yield name
    finally:
        with suppress(DockerError):
            docker_output(["image", "rm", "--no-prune", name])


def _build(arguments: Sequence[str], what: str, context: Context | None = None, text: str = "") -> None:
    content = None if context is None else lambda archive: context.write(archive, text)
    code, lines = docker_shown(["build", *arguments], content)
    if code != 0:
        last = excerpt(lines[-1], 500) if lines else "docker said nothing"
        raise DockerError(f"docker build of {what} failed with exit code {code}: {last}")


def _require_image(name: str) -> None:
    try:
        inspected(name)
    except DockerError as error:
        raise CommandError(f"--from {name}: the engine has no such image; `docker pull {name}` gets it") from error


def _require_no_secrets(order: Order, image: str, found: PythonInImage) -> tuple[str, ...]:
    """Return sentences about what looks like a secret in the user's own image. Raises UserError for a written one."""
    history = docker_output(["image", "history", "--no-trunc", "--format", "{{.CreatedBy}}", image]).splitlines()
    config = _config(inspected(image))
    files = ", ".join(excerpt(path, 80) for path in found.secret_files[:5])
    problems = [
        *exposed_secrets(config, history),
        *([f"its folder {found.folder} has {files}, which usually hold secrets"] if files else []),
    ]
    if files and isinstance(order.recipe, WrittenDockerfile):
        raise UserError(f"{order.name}: {problems[-1]}; list them in {DOCKERIGNORE}, and nothing of them is sent")
    return tuple(f"{order.name}: {problem}" for problem in problems)


@contextmanager
def _with_layer(order: Order, own: str, found: PythonInImage, *, installs: bool) -> Iterator[str]:
    """Yield the id of the image with hydra-vertex and the entry point; it is removed if it gets no name."""
    config = _config(inspected(own))
    if not installs and config.get("Entrypoint") == [PROGRAM]:
        yield str(inspected(own)["Id"])
        return
    user = str(config.get("User") or "")
    text = layer_text(own, found, order.package, user, installs=installs, trial_only=order.trial_only)
    with _folder_with("Dockerfile", text) as folder:
        if order.package.wheel is not None and installs:
            shutil.copyfile(order.package.wheel, folder / order.package.wheel.name)
        file = folder / "id"
        options = ["--iidfile", str(file), *_without_build_args(order.options)]
        _build([*options, str(folder)], "the layer with hydra-vertex")
        final = file.read_text(encoding="utf-8").strip()
    try:
        yield final
    except BaseException:
        with suppress(DockerError):
            docker_output(["image", "rm", "--no-prune", final])
        raise


def _without_build_args(options: Sequence[str]) -> list[str]:
    kept, words = list[str](), iter(options)
    for word in words:
        if word == "--build-arg":
            next(words)
        else:
            kept.append(word)
    return kept


def _config(image: JsonObject) -> JsonObject:
    found: Json = image.get("Config")
    return found if isinstance(found, dict) else {}


def require_composition(image: str, app: Sequence[str]) -> None:
    """Check, without a network, that the app's config composes in the image. Raises UserError, AppError."""
    command = ["--network", "none", "--entrypoint", PROGRAM, image]
    ended = run_container(
        [*command, "--explain", *own_words_option(app), SEPARATOR, *app],
        CHECK_LIMIT_S,
    )
    if ended.returncode == 0:
        return
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    own = [line.removeprefix(f"{PROGRAM}: ") for line in lines if line.startswith(f"{PROGRAM}: ")]
    if ended.returncode == UserError.exit_code and own:
        raise UserError(f"in the image: {excerpt(own[-1], 1000)}")
    tail = "\n  ".join(excerpt(line, 500) for line in lines[-15:])
    raise AppError(
        f"in the image, the app failed with exit code {ended.returncode} before its config was composed\n  {tail}"
    )


def push_image(name: ImageName) -> str:
    """Push the image and return its name with the digest. Raises DockerError, with the command that logs in."""
    code, lines = docker_shown(["push", str(name)])
    if code != 0:
        last = excerpt(lines[-1], 500) if lines else "docker said nothing"
        login = f"; log in with {_login(name.host)}" if any(_DENIED.search(line) for line in lines) else ""
        raise DockerError(f"docker push of {name} failed with exit code {code}: {last}{login}")
    digests = inspected(str(name)).get("RepoDigests")
    for digest in digests if isinstance(digests, list) else ():
        if str(digest).startswith(f"{name.repository}@"):
            return str(digest)
    raise DockerError(f"{name} was pushed, but the engine does not know its digest; see `docker image inspect {name}`")


def _login(host: str) -> str:
    if host.endswith((".pkg.dev", "gcr.io")):
        return f"`gcloud auth configure-docker {host}`"
    return f"`docker login {host}`"


@contextmanager
def _folder_with(name: str, text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-image-") as folder:
        Path(folder, name).write_text(text, encoding="utf-8")
        yield Path(folder)
