"""The trial side: what runs inside a training container, next to somebody else's Hydra app.

It needs hydra-core and cloudml-hypertune and nothing more, and it imports nothing else of hydra-vertex.
"""

from __future__ import annotations

__all__ = ["report"]


def report(name: str, value: object, step: object = None) -> None:
    """Report a metric's value while the app trains, so that the service sees a curve and can stop a bad trial early.

    `value` is an int, a float, or a numpy or torch scalar. NaN and infinity are told on stderr and not recorded.
    `step` is a whole number, 0 or more; None means one after the metric's last. A step that is not above the last one
    becomes the one after it, since Vertex AI wants them in order.

    Nothing is recorded where nobody reads it: outside of a trial, in ranks other than the first, in a multirun. The
    service takes as the trial's curve what is reported under the study's metric; what main returns comes last.

    Raises MetricError for a name, value or step that is none, wherever the app runs; OutputError when the file cannot
    be written (both in `hydra_vertex.protocol.errors`).
    """
    from hydra_vertex.trial.reporting.reporting import report

    report(name, value, step)
