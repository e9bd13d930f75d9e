"""A proxy for gRPC in front of a tuning service that injects the same faults as the one for HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from launcher.faults.plan import Fault, Injected, Plan
from launcher.faults.rest_proxy import LATE_S

CODES = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "UNKNOWN")


def start_grpc_proxy(upstream_port: int, seed: int, log: Path) -> tuple[Any, int]:
    """Start the proxy. Returns the server and its port."""
    server = grpc.server(ThreadPoolExecutor(16))
    channel = grpc.insecure_channel(f"127.0.0.1:{upstream_port}")
    server.add_generic_rpc_handlers((_Handler(channel, Plan(seed, log)),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, channel: Any, plan: Plan) -> None:
        self._channel = channel
        self._plan = plan
        self._lock = threading.Lock()

    def service(self, handler_call_details: Any) -> Any:
        call = self._channel.unary_unary(handler_call_details.method, _same, _same)
        metadata = [(k, v) for k, v in handler_call_details.invocation_metadata if k.startswith("x-goog")]

        def handle(request: bytes, context: Any) -> bytes:
            with self._lock:
                injected = self._plan.next()
            return _handled(injected, lambda: _forwarded(call, request, metadata, context), context)

        return grpc.unary_unary_rpc_method_handler(handle, _same, _same)


def _handled(injected: Injected, forward: Callable[[], bytes], context: Any) -> bytes:
    code = getattr(grpc.StatusCode, CODES[injected.code % len(CODES)])
    match injected.fault:
        case Fault.NONE:
            return forward()
        case Fault.DROPPED_BEFORE | Fault.ERROR_BEFORE:
            context.abort(code, "injected")
        case Fault.DROPPED_AFTER | Fault.ERROR_AFTER:
            forward()
            context.abort(code, "injected")
        case Fault.LATE:
            time.sleep(LATE_S)
            return forward()
        case Fault.SLOW:
            answer = forward()
            time.sleep(LATE_S)
            return answer
        case Fault.TWICE:
            forward()
            return forward()
        case Fault.TRUNCATED:
            return forward()[:-3]
        case Fault.GARBAGE:
            forward()
            return b"\xff\xfe\xfd"
    raise AssertionError("unreachable")


def _forwarded(call: Any, request: bytes, metadata: list[tuple[str, str]], context: Any) -> bytes:
    try:
        answer: bytes = call(request, metadata=metadata, timeout=20)
    except grpc.RpcError as error:
        context.abort(error.code(), error.details())
        raise
    return answer


def _same(message: bytes) -> bytes:
    return message
