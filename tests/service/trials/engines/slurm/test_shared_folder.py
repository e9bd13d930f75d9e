from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from hydra_vertex.service.trials.engines.contract import RefusedError
from hydra_vertex.service.trials.engines.slurm.shared_folder import check_shared, file_system_type

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /home rw,relatime - nfs4 server:/home rw
31 30 0:31 / /home/local\\040disk rw,relatime shared:2 - xfs /dev/sdb rw
32 22 0:32 / /scratch rw - tmpfs none rw
33 22 0:33 / /scratch rw - fuse.juicefs JuiceFS:x rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/data/x", "ext4"),
        ("/home/a/runs", "nfs4"),
        ("/home/local disk/runs", "xfs"),
        ("/homes", "ext4"),
        ("/scratch/x", "fuse.juicefs"),
    ],
)
def test_the_mount_point_nearest_to_a_folder_has_its_type(folder: str, kind: str) -> None:
    assert file_system_type(Path(folder), MOUNTS) == kind


def test_without_mounts_the_type_is_unknown() -> None:
    assert file_system_type(Path("/x"), "") == ""


def test_a_folder_of_this_machine_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="which the cluster's nodes may not share"):
        check_shared(tmp_path, None)


def test_a_declared_folder_counts(tmp_path: Path) -> None:
    check_shared(tmp_path / "a" / "b", PurePosixPath(tmp_path))
    with pytest.raises(RefusedError, match="'shared_folder'"):
        check_shared(tmp_path / "a", PurePosixPath(tmp_path / "b"))


def test_a_link_out_of_the_declared_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "link").symlink_to(tmp_path)
    with pytest.raises(RefusedError):
        check_shared(tmp_path / "b" / "link", PurePosixPath(tmp_path / "b"))
