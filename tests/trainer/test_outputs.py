from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("gs://bucket/study/3/model", "/gcs/bucket/study/3/model"),
        ("gs://bucket/study/3/model/", "/gcs/bucket/study/3/model"),
        ("gs://bucket/odd?name#1 %20", "/gcs/bucket/odd?name#1 %20"),
        ("/data/model", "/data/model"),
        ("model", "model"),
        ("file:///data/my%20model", "/data/my model"),
    ],
)
def test_a_location_is_converted_to_a_local_path(app, location, path):
    assert app("outputs").local_path(location) == Path(path)


def test_the_error_for_another_scheme_lists_the_allowed_ones(app):
    with pytest.raises(
        ValueError, match=r"'s3://bucket/x' has the scheme s3://; allowed are a path, file:// and gs://"
    ):
        app("outputs").local_path("s3://bucket/x")


@pytest.mark.parametrize("environment", [{}, {"AIP_MODEL_DIR": "", "AIP_CHECKPOINT_DIR": ""}])
def test_folders_that_vertex_ai_does_not_name_are_in_the_run_folder(app, tmp_path, environment):
    outputs = app("outputs").find_outputs(tmp_path, environment)
    assert outputs.model_dir == tmp_path / "model"
    assert outputs.last_checkpoint == tmp_path / "checkpoints" / "last.ckpt"


def test_each_folder_can_be_set_without_the_other(app, tmp_path):
    outputs = app("outputs").find_outputs(tmp_path, {"AIP_CHECKPOINT_DIR": "gs://bucket/study/3/checkpoints"})
    assert outputs.checkpoint_dir == Path("/gcs/bucket/study/3/checkpoints")
    assert outputs.model_dir == tmp_path / "model"
