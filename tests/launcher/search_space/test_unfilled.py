from __future__ import annotations

import pytest

from hydra_vertex.launcher.search_space.unfilled import unfilled
from hydra_vertex.protocol.json import Json


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"imageUri": "<uri of the image>"}, [("imageUri", "<uri of the image>")]),
        ({"imageUri": "gcr.io/YOUR_PROJECT/train:1"}, [("imageUri", "YOUR_PROJECT")]),
        ({"a": [{"outputUriPrefix": "gs://<bucket>/runs"}]}, [("a[0].outputUriPrefix", "<bucket>")]),
        ({"env": [{"name": "KEY", "value": "<your key>"}]}, [("env[0].value", "<your key>")]),
        ({"args": ["--data=YOUR_DATASET"]}, [("args[0]", "--data=YOUR_DATASET")]),
        ({"values": ["<pad>", "a < b > c", "your_model"]}, []),
        ({"args": ["prompt=<bos>", "x=1"]}, []),
        ({"imageUri": "europe-docker.pkg.dev/p/r/your-model:1", "machineType": "n1-standard-4"}, []),
        ({"count": 3, "nothing": None}, []),
    ],
    ids=str,
)
def test_a_value_that_an_example_left_open_is_found(value: Json, found: list[tuple[str, str]]) -> None:
    assert list(unfilled(value)) == found
