"""Contract checks: what Google's clients expect of a JobService, run against an endpoint on this machine.

    for finding in run_checks(Endpoint("http://127.0.0.1:8080", grpc="127.0.0.1:8081"), all_checks()):
        print(finding.check, finding.verdict.value, finding.reason)

or `python -m hydra_vertex.service.contract --rest http://127.0.0.1:8080 --grpc 127.0.0.1:8081`. The checks create jobs
whose trials run this Python interpreter, so client and service must be on the same machine.
"""

from .endpoint import Endpoint
from .expectation import Broken, Skipped
from .suite import Check, Finding, Verdict, all_checks, run_checks

__all__ = ["Broken", "Check", "Endpoint", "Finding", "Skipped", "Verdict", "all_checks", "run_checks"]
