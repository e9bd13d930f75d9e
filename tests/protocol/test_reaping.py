"""Children that have exited, in a process of their own: another test's children are not to be reaped."""

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


def test_without_children_nothing_is_left() -> None:
    assert printed("print(reap_exited())") == "({}, False)"


def test_each_child_that_has_exited_is_there_with_its_return_code_and_the_others_are_left() -> None:
    code = """
        ended, killed = child(lambda: os._exit(3)), child(lambda: os.kill(os.getpid(), signal.SIGKILL))
        running = child(lambda: time.sleep(60))
        exited = wait_for(2)
        print(exited == {ended: 3, killed: -9}, reap_exited())
        os.kill(running, signal.SIGTERM)
        print(wait_for(1) == {running: -15}, reap_exited())
        """
    assert printed(code) == "True ({}, True)\nTrue ({}, False)"


def test_an_orphan_is_reaped_by_the_process_that_has_adopted_it() -> None:
    code = """
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        parent = child(lambda: child(lambda: (time.sleep(0.2), os._exit(7))))
        exited = wait_for(2)
        print(exited.pop(parent), list(exited.values()))
        """
    assert printed(code) == "0 [7]"
