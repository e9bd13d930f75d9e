"""Unusual environments in which the tests must pass: other variables, programs, home folders and limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FAILS = "#!/bin/sh\necho 'a program of the hostile environment was started' >&2\nexit 7\n"
ONE_GPU = (
    "#!/bin/sh\ncase \"$*\" in *query-gpu*) echo '0, GPU-00000000-0000-0000-0000-000000000000, 81559, 81000' ;; esac\n"
)
DEAD_PROXY = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Environment:
    """The differences from the current environment.

    `variables` are added; a value of None removes the variable. `wrapper` is put before the command. `programs` maps
    names to the text of scripts in a folder at the front of PATH. `prepare` gets an empty folder and returns more
    variables.
    """

    variables: Mapping[str, str | None] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    umask: int = 0o022
    prepare: Callable[[Path], Mapping[str, str]] = lambda _: {}

    def environ(self, folder: Path) -> dict[str, str]:
        """Return all variables of the command. Files that the environment needs are created in `folder`."""
        changes = {**self.variables, **self.prepare(folder)}
        if self.programs:
            changes["PATH"] = f"{write_programs(folder / 'bin', self.programs)}{os.pathsep}{os.environ['PATH']}"
        merged = {**os.environ, **changes}
        return {name: value for name, value in merged.items() if value is not None}


def write_programs(folder: Path, programs: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def missing_home(folder: Path) -> Mapping[str, str]:
    return {
        "HOME": str(folder / "no-such-home"),
        "XDG_CONFIG_HOME": str(folder / "none"),
        "XDG_CACHE_HOME": "/dev/null/x",
    }


def file_as_home(folder: Path) -> Mapping[str, str]:
    """A home that is a file, so that no user can write into it."""
    (folder / "home").touch()
    return {"HOME": str(folder / "home")}


def configured_home(folder: Path) -> Mapping[str, str]:
    """Settings of pip, kfp, gcloud, git and Python that cause an error in a program that reads them."""
    home = folder / "home"
    for name, text in {
        ".config/pip/pip.conf": f"[global]\nindex-url = {DEAD_PROXY}\n",
        ".config/kfp/context.json": "{not json",
        ".config/kfp/local_context.json": "{not json",
        ".config/gcloud/configurations/config_default": "[core]\nproject = someone-elses\n",
        ".config/gcloud/application_default_credentials.json": "{}",
        ".gitconfig": "[core]\n\tautocrlf = true\n",
        ".pdbrc": "raise SystemExit(3)\n",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return {"HOME": str(home)}


def odd_tmpdir(folder: Path) -> Mapping[str, str]:
    """A long path with spaces, quotes and letters of other alphabets, behind a symbolic link."""
    real = folder / ("a long path with 'quotes', $HOME and ünïcødé " + "x" * 60) / "tmp"
    real.mkdir(parents=True)
    (folder / "link to it").symlink_to(real)
    return {"TMPDIR": str(folder / "link to it")}


def shadowing_path(folder: Path) -> Mapping[str, str]:
    """PYTHONPATH with modules that have names of the tests' own modules and of common apps."""
    (folder / "path").mkdir()
    for name in ("conftest", "train", "app", "utils", "settings", "corpus", "apps"):
        (folder / "path" / f"{name}.py").write_text("raise ImportError('a module of the hostile environment')\n")
    return {"PYTHONPATH": str(folder / "path")}


ENVIRONMENTS: Mapping[str, Environment] = {
    "programs": Environment(
        programs={
            **dict.fromkeys(("srun", "sbatch", "sacct", "squeue", "scontrol", "kubectl", "docker", "gcloud"), FAILS),
            "nvidia-smi": ONE_GPU,
        }
    ),
    "no-programs": Environment({"PATH": "/nonexistent"}),
    "missing-home": Environment(prepare=missing_home),
    "file-as-home": Environment(prepare=file_as_home),
    "configured-home": Environment(prepare=configured_home),
    "no-home": Environment({"HOME": None, "USER": None, "LOGNAME": None, "SHELL": None}),
    "turkish": Environment({"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Chatham"}),
    "posix": Environment({"LANG": "C", "LC_ALL": "POSIX", "TZ": "America/St_Johns"}),
    "no-locale": Environment({"LANG": None, "LC_ALL": None, "LC_CTYPE": None, "TZ": ""}),
    "tmpdir": Environment(prepare=odd_tmpdir),
    "proxies": Environment(
        {
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "HTTP_PROXY"), DEAD_PROXY),
            **dict.fromkeys(("HTTPS_PROXY", "ALL_PROXY"), DEAD_PROXY),
            "no_proxy": "",
            "NO_PROXY": "example.com",
            "REQUESTS_CA_BUNDLE": "/nonexistent.pem",
            "SSL_CERT_FILE": "/nonexistent.pem",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/nonexistent.pem",
        }
    ),
    "devices": Environment(
        {
            "CUDA_VISIBLE_DEVICES": "3,4",
            "NVIDIA_VISIBLE_DEVICES": "all",
            "OMP_NUM_THREADS": "7",
            "MKL_NUM_THREADS": "5",
            "OPENBLAS_NUM_THREADS": "3",
        }
    ),
    "python": Environment(
        {
            "PYTHONWARNINGS": "default",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "12345",
            "PYTHONUNBUFFERED": "",
            "PYTHONNOUSERSITE": "1",
            "PYTHONBREAKPOINT": "0",
            "PYTHONFAULTHANDLER": "1",
            "PYTEST_ADDOPTS": "",
        },
        prepare=shadowing_path,
    ),
    "terminal": Environment(
        {"COLUMNS": "20", "LINES": "5", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm-256color"}
    ),
    "dumb-terminal": Environment({"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "1000"}),
    "continuous-integration": Environment(
        {"CI": "true", "GITHUB_ACTIONS": "true", "BUILD_NUMBER": "1", "TF_BUILD": "1", "PYTHONUNBUFFERED": "1"}
    ),
    "cluster": Environment(
        {
            "SLURM_JOB_ID": "1",
            "SLURM_JOB_NAME": "training",
            "SLURM_NTASKS": "4",
            "SLURM_NNODES": "2",
            "SLURM_PROCID": "3",
            "SLURM_LOCALID": "1",
            "SLURM_NODEID": "1",
            "SLURM_JOB_NODELIST": "node[1-2]",
            "RANK": "3",
            "LOCAL_RANK": "1",
            "NODE_RANK": "1",
            "GROUP_RANK": "1",
            "WORLD_SIZE": "4",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": "1",
            "OMPI_COMM_WORLD_RANK": "3",
            "PMI_RANK": "3",
            "JSM_NAMESPACE_RANK": "3",
            "TORCHELASTIC_RUN_ID": "1",
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
            "KUBERNETES_PORT": "tcp://10.0.0.1:443",
            "KUBECONFIG": "/nonexistent",
        }
    ),
    "google": Environment(
        {
            "GOOGLE_CLOUD_PROJECT": "someone-elses",
            "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent.json",
            "GOOGLE_API_USE_CLIENT_CERTIFICATE": "true",
            "GOOGLE_API_USE_MTLS_ENDPOINT": "always",
            "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "example.com",
            "CLOUDSDK_CORE_PROJECT": "someone-elses",
            "CLOUDSDK_CONFIG": "/nonexistent",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{DEAD_PROXY}/",
            "CLOUDSDK_PYTHON": "/nonexistent",
        }
    ),
    "trial": Environment(
        {
            "AIP_MODEL_DIR": "/nonexistent/model",
            "AIP_CHECKPOINT_DIR": "/nonexistent/checkpoints",
            "AIP_TENSORBOARD_LOG_DIR": "gs://bucket/logs",
            "CLOUD_ML_TRIAL_ID": "77",
            "CLOUD_ML_JOB_ID": "88",
            "CLOUD_ML_HP_METRIC_FILE": "/nonexistent/metrics",
            "CLOUD_ML_HP_METRIC_TAG": "another",
            "CLUSTER_SPEC": "{}",
            "TF_CONFIG": "{}",
            "HYDRA_VERTEX_TOKEN": "short",
            "HYDRA_FULL_ERROR": "1",
        }
    ),
    "umask": Environment(umask=0o077),
    "open-umask": Environment(umask=0o000),
    "no-terminal": Environment(wrapper=("setsid", "--wait")),
    "closed-stdin": Environment(wrapper=("sh", "-c", 'exec "$@" <&-', "sh")),
    "ignored-signals": Environment(wrapper=("sh", "-c", "trap '' INT QUIT HUP PIPE; exec \"$@\"", "sh")),
    "few-files": Environment(wrapper=("sh", "-c", 'ulimit -n 256; ulimit -c 0; exec "$@"', "sh")),
}
