"""Reaping of exited children, in a separate process, so that the children of other tests are not reaped."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

START = """
    import ctypes, os, signal, sys, time
    from hydra_vertex.protocol.reaping import reap_exited

    def child(act):
        pid = os.fork()
        if pid == 0:
            act()
            os._exit(0)
        return pid

    def wait_for(pids):
        exited, deadline = {}, time.monotonic() + 30
        while len(exited) < pids and time.monotonic() < deadline:
            exited |= reap_exited()[0]
        return exited
    """


def printed(code: str) -> str:
    command = [sys.executable, "-c", dedent(START) + dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_without_children_nothing_is_reaped_and_no_child_is_left() -> None:
    assert printed("print(reap_exited())") == "({}, False)"


def test_exited_children_are_returned_with_their_return_codes_and_running_ones_are_left() -> None:
    code = """
        ended, killed = child(lambda: os._exit(3)), child(lambda: os.kill(os.getpid(), signal.SIGKILL))
        running = child(lambda: time.sleep(60))
        exited = wait_for(2)
        print(exited == {ended: 3, killed: -9}, reap_exited())
        os.kill(running, signal.SIGTERM)
        print(wait_for(1) == {running: -15}, reap_exited())
        """
    assert printed(code) == "True ({}, True)\nTrue ({}, False)"


def test_a_re_parented_orphan_is_reaped() -> None:
    code = """
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        parent = child(lambda: child(lambda: (time.sleep(0.2), os._exit(7))))
        exited = wait_for(2)
        print(exited.pop(parent), list(exited.values()))
        """
    assert printed(code) == "0 [7]"
