"""How a pipeline's step can fail, told to the command that ran it."""

from __future__ import annotations

from hydra_vertex.protocol.errors import HydraVertexError


class StepFailed(HydraVertexError):  # noqa: N818 - what happened to the step, as Interrupted is
    """A step ended with an exit code other than 0, having said why on stderr.

    `exit_code` is the step's own, as a shell would show it: 128 + n for a death by signal n.
    """

    def __init__(self, step: str, returncode: int) -> None:
        self.step = step
        self.exit_code = returncode if returncode >= 0 else 128 - returncode  # type: ignore[misc] # its own, not the class's
        super().__init__(f"the step {step} failed with exit code {self.exit_code}; what it said stands above")
