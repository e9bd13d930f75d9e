"""`hydra-vertex image`: builds an image of the user's app with hydra-trial in it, and checks it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path, word
from hydra_vertex.cli.output import say, show
from hydra_vertex.protocol.errors import CommandError

from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.pipelines.image.build import BuiltImage, Order, Recipe
    from hydra_vertex.pipelines.image.docker_cli import ImageName
    from hydra_vertex.pipelines.image.source import WrittenFor


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "image",
        "build an image of the app with hydra-trial, and check in it that the app's config composes",
        "hydra-vertex image -t europe-docker.pkg.dev/p/r/train:1 --push -- python train.py experiment=docs",
        "-t TAG [--push] [options] -- python train.py [ARGUMENT ...]",
    )
    parser.add_argument("-t", "--tag", required=True, metavar="TAG", help="name of the image: [REGISTRY/]PATH[:TAG]")
    parser.add_argument("--push", action="store_true", help="push the image to the registry in its name")
    parser.add_argument("--dry-run", action="store_true", help="print the Dockerfile that would be built, and end")
    _add_source_options(parser)
    _add_build_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what the image is built from")
    group.add_argument(
        "--context",
        type=file_path,
        default=Path(),
        metavar="DIR",
        help="folder that is sent to the engine (default: .)",
    )
    kind = group.add_mutually_exclusive_group()
    kind.add_argument(
        "--file", type=file_path, metavar="FILE", help="a Dockerfile (default: DIR/Dockerfile, else one is written)"
    )
    kind.add_argument(
        "--requirements",
        type=file_path,
        metavar="FILE",
        help="write a Dockerfile for this file (default: DIR/uv.lock, requirements.txt or pyproject.toml)",
    )
    kind.add_argument("--from", dest="from_image", type=word, metavar="IMAGE", help="an image that has the app already")


def _add_build_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("build")
    group.add_argument(
        "--base", type=word, metavar="IMAGE", help="base of a written Dockerfile (default: python:VERSION-slim)"
    )
    group.add_argument(
        "--build-arg", action="append", default=[], metavar="NAME=VALUE", help="for your Dockerfile; may be repeated"
    )
    group.add_argument(
        "--hydra-vertex",
        type=word,
        metavar="VERSION|WHEEL",
        help="what the image gets unless it has it (default: this version, from the package index)",
    )
    group.add_argument(
        "--trial-only",
        action="store_true",
        help="install hydra-trial alone; the pipeline's steps then need another image (default: one image for all)",
    )
    group.add_argument(
        "--platform", type=word, metavar="OS/ARCH", help="default: linux/amd64, the platform of Vertex AI's machines"
    )
    group.add_argument("--network", type=word, metavar="NAME", help="network of the build, such as host")


def run(arguments: argparse.Namespace) -> int:
    """Check the command, build, check in the image, push. Raises UserError, AppError, DockerError."""
    from hydra_vertex.pipelines.image.build import build_image, push_image
    from hydra_vertex.pipelines.image.docker_cli import require_engine
    from hydra_vertex.pipelines.local.child import sigterm_raises

    order = _order(arguments)
    if arguments.dry_run:
        return _show_recipe(order, as_json=arguments.json)
    options = _platform(arguments, require_engine())
    _say_recipe(order)
    # Docker's command and the container of a check would outlive this process.
    with sigterm_raises():
        built = build_image(_with_options(order, options), say)
        for notice in built.notices:
            say(notice)
        digest = push_image(built.name) if arguments.push else ""
    _show_result(built, order, digest, as_json=arguments.json)
    return 0


def _order(arguments: argparse.Namespace) -> Order:
    from hydra_vertex.pipelines.app_command import require_command
    from hydra_vertex.pipelines.image.build import Order
    from hydra_vertex.pipelines.image.docker_cli import parse_image_name
    from hydra_vertex.pipelines.image.layer import package_from
    from hydra_vertex.pipelines.image.secrets_in_image import require_no_secret

    require_command(arguments.app)
    name = parse_image_name(arguments.tag)
    _require_registry(name, arguments)
    require_no_secret(arguments.build_arg)
    if not arguments.context.is_dir():
        raise CommandError(f"--context {arguments.context}: there is no such folder")
    build_args = (part for text in arguments.build_arg for part in ("--build-arg", text))
    network = () if arguments.network is None else ("--network", arguments.network)
    return Order(
        name=name,
        app=arguments.app,
        recipe=_recipe(arguments),
        folder=arguments.context,
        package=package_from(arguments.hydra_vertex or ""),
        trial_only=arguments.trial_only,
        options=(*build_args, *network),
    )


def _require_registry(name: ImageName, arguments: argparse.Namespace) -> None:
    if arguments.push and arguments.dry_run:
        raise CommandError("--push and --dry-run contradict each other; leave one of them out")
    if arguments.push and not name.host:
        raise CommandError(
            f"--push: {arguments.tag} names no registry; give one before the first /, such as "
            f"europe-docker.pkg.dev/PROJECT/REPO/{name.path}:{name.tag}, or docker.io/USER/{name.path}:{name.tag}"
        )


def _recipe(arguments: argparse.Namespace) -> Recipe:
    from hydra_vertex.pipelines.image.source import ExistingImage, OwnDockerfile, find_source

    if arguments.from_image is not None:
        _refuse(arguments, "--from", "base", "build_arg")
        return ExistingImage(arguments.from_image)
    if arguments.file is not None and not arguments.file.is_file():
        raise CommandError(f"--file {arguments.file}: there is no such file")
    found = (
        OwnDockerfile(arguments.file)
        if arguments.file is not None
        else find_source(arguments.context, arguments.requirements)
    )
    if isinstance(found, OwnDockerfile):
        _refuse(arguments, str(found.file), "base")
        return found
    _refuse(arguments, "a Dockerfile that is written for the app", "build_arg")
    return _written(found, arguments)


def _refuse(arguments: argparse.Namespace, what: str, *names: str) -> None:
    """Refuse options that have no effect on what the image is built from."""
    for name in names:
        if getattr(arguments, name):
            raise CommandError(f"--{name.replace('_', '-')}: has no effect with {what}; leave it out")


def _written(source: WrittenFor, arguments: argparse.Namespace) -> Recipe:
    from hydra_vertex.pipelines.image.app_place import workdir_in_image
    from hydra_vertex.pipelines.image.base_image import base_for
    from hydra_vertex.pipelines.image.build import WrittenDockerfile
    from hydra_vertex.pipelines.image.context import DOCKERIGNORE, default_context
    from hydra_vertex.pipelines.image.written_dockerfile import dockerfile_text

    context = arguments.context
    workdir = workdir_in_image(context, Path.cwd(), arguments.app)
    text = dockerfile_text(source, arguments.base or base_for(context), workdir)
    sent = None if (context / DOCKERIGNORE).exists() else default_context(context)
    return WrittenDockerfile(text, sent)


def _platform(arguments: argparse.Namespace, architecture: str) -> tuple[str, ...]:
    """Return the option, which an engine of the same architecture does not need and an old one does not know."""
    if arguments.platform is not None:
        return ("--platform", arguments.platform)
    if architecture in {"x86_64", "amd64"}:
        return ()
    say(f"the engine is {architecture}, and the image is built for linux/amd64, as Vertex AI's machines are")
    return ("--platform", "linux/amd64")


def _with_options(order: Order, options: tuple[str, ...]) -> Order:
    import dataclasses

    return dataclasses.replace(order, options=(*order.options, *options))


def _recipe_text(order: Order) -> str:
    from hydra_vertex.pipelines.image.build import WrittenDockerfile
    from hydra_vertex.pipelines.image.source import OwnDockerfile

    match order.recipe:
        case WrittenDockerfile(text):
            return text
        case OwnDockerfile(file):
            return file.read_text(encoding="utf-8", errors="replace")
        case image:
            return f"FROM {image.name}\n"


def _say_recipe(order: Order) -> None:
    from hydra_vertex.pipelines.image.build import WrittenDockerfile

    recipe = order.recipe
    if not isinstance(recipe, WrittenDockerfile):
        return
    say("this Dockerfile is written and built:")
    for line in recipe.text.splitlines():
        say(f"  {line}")
    if recipe.context is not None:
        left_out = ", ".join(recipe.context.left_out[:12]) or "nothing"
        more = f" and {len(recipe.context.left_out) - 12} more" if len(recipe.context.left_out) > 12 else ""
        size = recipe.context.size_bytes() / 1e6
        say(f"there is no .dockerignore: {size:.1f} MB are sent to the engine, without {left_out}{more}")


def _show_recipe(order: Order, *, as_json: bool) -> int:
    from hydra_vertex.pipelines.image.build import WrittenDockerfile

    recipe = order.recipe
    context = recipe.context if isinstance(recipe, WrittenDockerfile) else None
    if as_json:
        left_out = None if context is None else list(context.left_out)
        document = {"image": str(order.name), "dockerfile": _recipe_text(order), "leftOut": left_out}
        show_document("image-recipe", document)
    else:
        sys.stdout.flush()
        show(_recipe_text(order).rstrip("\n"))
    return 0


def _show_result(built: BuiltImage, order: Order, digest: str, *, as_json: bool) -> None:
    from hydra_vertex.pipelines.image.commands import commands_for

    commands = commands_for(digest or str(built.name), order.app, trial_only=order.trial_only)
    if as_json:
        show_document(
            "image",
            {
                "image": str(built.name),
                "id": built.image_id,
                "digest": digest or None,
                "sizeBytes": built.size_bytes,
                "python": built.python.version_text,
                "hydraVertex": built.python.hydra_vertex,
                "commands": list(commands),
                "notices": list(built.notices),
            },
        )
        return
    say(
        f"{built.name}: {built.size_bytes / 1e6:.0f} MB, Python {built.python.version_text}, "
        f"hydra-vertex {built.python.hydra_vertex}{f', pushed as {digest}' if digest else ', not pushed'}"
    )
    for command in commands:
        show(command)
