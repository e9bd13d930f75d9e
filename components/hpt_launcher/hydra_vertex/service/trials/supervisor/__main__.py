"""Read the order, wait for the start, run the command."""

import os
import sys


def main() -> int:
    """Returns the exit code: 0 however the command ended, which exit.json says."""
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
    # Isolated (-I) and without site (-S): nothing is found that is not named here.
    sys.path[:0] = sys.argv[1].split(os.pathsep)
    sys.exit(main())
