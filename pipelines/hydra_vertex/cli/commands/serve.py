"""`hydra-vertex serve`: starts the embedded tuning service, which Google's clients can use."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import file_path
from hydra_vertex.service.devices.resource_options import add_resource_options, resources_from

from .engine_options import add_engine_options, engine_options_from
from .page_options import add_page_options, page_beside, wants_page
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.service.server import Listening

DEFAULT_PORT = 8080
PIPELINE_RUNNER = "hydra_vertex.pipelines.local.job_runner"


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    from hydra_vertex.service.address_options import add_address_options

    parser = add_parser(
        commands,
        "serve",
        "serve Vertex AI's APIs of tuning jobs, custom jobs and pipelines on this machine, with child processes",
        "hydra-vertex serve --port 8080 --grpc-port 8081 --dir studies/",
    )
    add_address_options(parser, DEFAULT_PORT)
    parser.add_argument("--dir", type=file_path, default=Path("studies"), help="folder of the jobs (default: studies/)")
    add_resource_options(parser, shared=True)
    add_engine_options(parser)
    add_page_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM. A later start on the same folder continues the unfinished jobs."""
    from hydra_vertex.launcher.files.reading import TOKEN_FILE, read_text
    from hydra_vertex.service.address_options import address_of
    from hydra_vertex.service.server import serve
    from hydra_vertex.service.start import module_command

    if arguments.token_file is not None:
        # The service reads the file without checks: it would wait for a pipe and read a device without end.
        read_text(arguments.token_file, TOKEN_FILE)
    announce = _announce_document if arguments.json else _announce
    with contextlib.ExitStack() as pages:
        serve(
            arguments.dir,
            address_of(arguments),
            _with_pages(pages, arguments, announce) if wants_page(arguments) else announce,
            resources=resources_from(arguments),
            pipeline_program=module_command(PIPELINE_RUNNER),
            engine=engine_options_from(arguments),
        )
    return 0


def _with_pages(
    pages: contextlib.ExitStack, arguments: argparse.Namespace, announce: Callable[[Listening], None]
) -> Callable[[Listening], None]:
    """Return a function that announces the service, and then serves its pages until `pages` closes."""
    from hydra_vertex.launcher.live_page.open_pages import service_pages
    from hydra_vertex.launcher.live_page.service_address import loopback_url, token_in

    def announce_both(listening: Listening) -> None:
        announce(listening)
        of_service = service_pages(loopback_url(listening.url), token_in(arguments.dir))
        pages.enter_context(page_beside(lambda: of_service, "hydra-vertex serve", opens=arguments.open))

    return announce_both


def _announce(listening: Listening) -> None:
    for line in listening.lines():
        print(line, flush=True)


def _announce_document(listening: Listening) -> None:
    document = {"url": listening.url, "grpcAddress": listening.grpc_address, "folder": str(listening.folder)}
    show_document("serve", {**document, "pid": os.getpid()})
