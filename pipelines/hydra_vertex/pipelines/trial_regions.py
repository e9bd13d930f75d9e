"""Checks that what a tuning job uses is in the region of the job. Pure.

Source: the comment of encryption_spec.proto in google/cloud/aiplatform/v1, and
https://cloud.google.com/vertex-ai/docs/general/locations: a resource is used in the region that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hydra_vertex.protocol.errors import UserError

from .compiled_pipeline import object_at
from .plan import TuningPlan

_REGION = re.compile(r"/(?:locations|regions)/([^/]+)/")


def require_same_region(plan: TuningPlan, locations: Iterable[str]) -> None:
    """Check the key, the TensorBoard and the network attachment. Raises UserError for one in another region.

    `locations` are the regions in which the pipeline may create the tuning job.
    """
    for location in locations:
        for field, name in _used(plan):
            region = _REGION.search(name)
            if region is not None and region[1] != location:
                raise UserError(
                    f"{field} {name}: it is in {region[1]}, and a tuning job in {location} needs one in {location}; "
                    "give another one, or another --location or --trial-location"
                )


def _used(plan: TuningPlan) -> Iterator[tuple[str, str]]:
    """Yield the names of resources in a region, with the field and the option that set them."""
    spec = plan.trial_job_spec.other
    given = {
        "encryptionSpec.kmsKeyName (--encryption-key)": object_at(plan.job_fields, "encryptionSpec").get("kmsKeyName"),
        "tensorboard (--tensorboard)": spec.get("tensorboard"),
        "networkAttachment (--network-attachment)": object_at(spec, "pscInterfaceConfig").get("networkAttachment"),
    }
    yield from ((field, name) for field, name in given.items() if isinstance(name, str))
