"""What Google's clients may expect of a JobService, as checks that run against any endpoint of this machine.

    for finding in run_checks(Endpoint("http://127.0.0.1:8080", grpc="127.0.0.1:8081"), all_checks()):
        print(finding.check, finding.verdict.value, finding.reason)

or `python -m hydra_vertex.service.contract --rest http://127.0.0.1:8080 --grpc 127.0.0.1:8081`. The checks create jobs
whose trials are this interpreter, so client and service share a machine.
"""

from .endpoint import Endpoint
from .expectation import Broken, Skipped
from .suite import Check, Finding, Verdict, all_checks, run_checks

__all__ = ["Broken", "Check", "Endpoint", "Finding", "Skipped", "Verdict", "all_checks", "run_checks"]
