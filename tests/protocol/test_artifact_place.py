from __future__ import annotations

import pytest

from hydra_vertex.protocol.artifact_place import may_be_at

KUBEFLOW = {"KFP_POD_NAME": "pod"}


@pytest.mark.parametrize(
    ("uri", "own", "environ", "may"),
    [
        ("gs://b/trials/1/model", "gs://b/runs/best_model", {}, True),
        ("gs://b/trials/1/model", "gs://b/runs/best_model", KUBEFLOW, True),
        ("gs://other/1/model", "gs://b/runs/best_model", {}, True),
        ("gs://other/1/model", "gs://b/runs/best_model", KUBEFLOW, False),
        ("gs://b/1/model", "minio://mlpipeline/runs/best_model", KUBEFLOW, False),
        ("gs://b/1/model", "/runs/pipeline/best_model", {}, False),
        ("/runs/outputs/1/model", "/runs/pipeline/best_model", {}, True),
    ],
)
def test_an_artifact_may_be_elsewhere_in_a_store_of_the_same_kind(
    uri: str, own: str, environ: dict[str, str], *, may: bool
) -> None:
    assert may_be_at(uri, own, environ) is may
