"""The state of a launch from the states of its workers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Missing,
    Queued,
    Refused,
    Running,
    State,
)


def combined(states: Sequence[State]) -> State:
    """Return the state of a launch; the chief's is the first of `states`.

    One refused, interrupted or failed worker ends the launch, and so does the chief's success, after which no worker
    can be lost. A launch of which a worker is missing has not been completed.
    """
    chief = states[0]
    is_done = isinstance(chief, Exited) and chief.exit_status.is_success
    for kind in (Refused,) if is_done else (Refused, Interrupted):
        found = next((state for state in states if isinstance(state, kind)), None)
        if found is not None:
            return found
    exits = [state for state in states if isinstance(state, Exited)]
    failed = next((state for state in exits if not state.exit_status.is_success), None)
    if failed is not None or isinstance(chief, Exited):
        return failed or chief
    if any(isinstance(state, Missing) for state in states):
        return Missing()
    running = [state for state in states if isinstance(state, Running)]
    if len(running) + len(exits) == len(states):
        return Running(
            max(state.started for state in running), ", ".join(dict.fromkeys(s.place for s in running if s.place))
        )
    details = dict.fromkeys(state.detail for state in states if isinstance(state, Queued) and state.detail)
    return Queued("; ".join(details))
