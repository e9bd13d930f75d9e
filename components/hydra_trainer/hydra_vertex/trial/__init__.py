"""The trial side: runs a user's Hydra app inside a training container.

It depends only on hydra-core and cloudml-hypertune, and imports only `hydra_vertex.protocol` of the other packages.
"""

from __future__ import annotations

__all__ = ["report"]


def report(name: str, value: object, step: object = None) -> None:
    """Report an intermediate value of a metric, so that the service sees a learning curve and can stop a trial early.

    `value` is an int, a float, or a numpy or torch scalar. NaN and infinity are logged on stderr and not recorded.
    `step` is an integer from 0 to 2**63 - 1; None means the metric's last step plus 1. A step that is not greater than
    the last one is replaced by the last one plus 1, because Vertex AI requires increasing steps.

    Nothing is recorded outside a trial, in ranks other than the first, and in a multirun. The service uses the values
    of the study's metric as the trial's learning curve; the return value of main is its last point.

    Raises MetricError for an invalid name, value or step, also outside a trial; OutputError when the file cannot be
    written (both in `hydra_vertex.protocol.errors`).
    """
    from hydra_vertex.trial.reporting.reporting import report

    report(name, value, step)
