"""The protocol: announces the tools, passes calls to the service, and ends with stdin or a signal."""

from __future__ import annotations

import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import schema_of
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import Interrupted

from .rules import Rules
from .service import Outcome, ToolService
from .tools import Tool

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server

NAME = "hydra-vertex"
_DEADLINE_POLL_S = 1.0
_INSTRUCTIONS = """\
Tunes the hyperparameters of one Hydra training app. First check the search space, and explain what the app makes of an
override. Then run a study: it goes on in the background, and watch tells its state. At the end, best writes the best
config as a Hydra experiment file, and report the figures. An error says what to do next; a limit is your user's choice.
"""


def serve(rules: Rules) -> None:
    """Serve on stdin and stdout until stdin closes, SIGINT or SIGTERM; then end every run that was started."""
    import anyio

    from hydra_vertex.pipelines.local.guard import guarded, marker

    # The commands get SIGTERM when the server dies; the guard removes its files then.
    with (
        guarded(marker(uuid.uuid4().hex)),
        tempfile.TemporaryDirectory(prefix="hydra-vertex-mcp-", ignore_cleanup_errors=True) as files,
    ):
        service = ToolService(rules, Path(files))
        try:
            anyio.run(_serve, service)
        finally:
            with _without_signals():
                service.end()


@contextmanager
def _without_signals() -> Iterator[None]:
    """Ignore SIGINT and SIGTERM: clients send them while the runs are ended already."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _serve(service: ToolService) -> None:
    import anyio
    from mcp.server.stdio import stdio_server

    server = _server(service)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_overdue, service)
        tasks.start_soon(_exit_on_signal, service)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _end_overdue(service: ToolService) -> None:
    from anyio import sleep

    while True:
        service.runs.end_overdue()
        await sleep(_DEADLINE_POLL_S)


async def _exit_on_signal(service: ToolService) -> None:
    """End the runs and exit: the thread that reads stdin cannot be ended, and Python would wait for it."""
    from anyio import open_signal_receiver

    with open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            service.end()
            os._exit(Interrupted.exit_code)


def _server(service: ToolService) -> Server:
    from importlib.metadata import version

    import mcp_types as types
    from mcp.server.lowlevel import Server

    async def list_tools(
        context: ServerRequestContext,  # noqa: ARG001 - the signature that the library prescribes
        params: types.PaginatedRequestParams | None,  # noqa: ARG001
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_announced(tool) for tool in service.tools])

    async def call_tool(context: ServerRequestContext, params: types.CallToolRequestParams) -> types.CallToolResult:
        async def progress(done: float, total: float, message: str) -> None:
            await context.session.report_progress(done, total, message)

        return _result(await service.call(params.name, params.arguments or {}, progress))

    return Server(
        NAME,
        version=version("hydra-vertex"),
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _announced(tool: Tool) -> types.Tool:
    import mcp_types as types

    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema(),
        output_schema=dict(schema_of(tool.form)),
        annotations=types.ToolAnnotations(read_only_hint=tool.is_read_only, destructive_hint=tool.is_destructive),
    )


def _result(outcome: Outcome) -> types.CallToolResult:
    import mcp_types as types

    texts = [json.dumps(outcome.document, indent=2), *([outcome.text] if outcome.text else [])]
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text) for text in texts],
        structured_content=dict(outcome.document),
        is_error=outcome.is_error,
    )
