"""Entry point of the supervisor: reads the order, waits for the start, runs the command."""

import os
import sys


def main() -> int:
    """Return the exit code of the supervisor: 0 regardless of how the command ended, which is in exit.json."""
    from hydra_vertex.service.trials.supervisor.command import prepare
    from hydra_vertex.service.trials.supervisor.order import LaunchOrder
    from hydra_vertex.service.trials.supervisor.process_tree import become_subreaper

    with open(int(sys.argv[2]), "rb") as file:  # noqa: PTH123 - a descriptor
        order = LaunchOrder(file.read())
    if not sys.stdin.buffer.readline().endswith(b"\n"):
        return 0
    os.nice(order.nice)
    become_subreaper()
    prepare(order).run()
    return 0


if __name__ == "__main__":
    # Python runs with -I -S, so only the paths given here are searched for modules.
    sys.path[:0] = sys.argv[1].split(os.pathsep)
    sys.exit(main())
