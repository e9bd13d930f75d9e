"""Unmodified third-party apps have the same stdout, stderr and exit code with and without hydra-trial.

Hydra's wheel contains two apps, which are always tested. Its example apps are in no package on PyPI, neither wheel nor
sdist; they are tested with a checkout that HYDRA_CHECKOUT names.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import hydra.test_utils
import pytest

from trial.apps import hydra_trial, run

CHECKOUT = "HYDRA_CHECKOUT"
HOW_TO_GET_ONE = (
    f"{CHECKOUT} is not set; git clone --depth 1 --branch v1.3.2 https://github.com/facebookresearch/hydra, "
    "and let it name that folder"
)
USER = {"USER": "omry"}


@dataclass(frozen=True, slots=True)
class Example:
    """`app` is a script or `-m module`; `plain` are its arguments without hydra-trial, `trial` those with hydra-trial.

    `exit_code` is that of Hydra 1.3, which these examples were written for.
    """

    folder: str
    app: str
    plain: str = ""
    trial: str = ""
    exit_code: int = 0

    def __str__(self) -> str:
        return f"{self.folder}/{self.app} {self.trial}"

    @property
    def program(self) -> tuple[str, ...]:
        return tuple(self.app.split())


FIRST = "tutorials/basic/your_first_hydra_app"
RUNNING = "tutorials/basic/running_your_hydra_app"
STRUCTURED = "tutorials/structured_configs"
EXAMPLES = (
    Example("advanced/ad_hoc_composition", "hydra_compose_example.py"),
    Example("advanced/config_search_path", "my_app.py", "dataset=imagenet", "--dataset=imagenet"),
    Example("advanced/config_search_path", "my_app.py", "--info searchpath", "--info searchpath"),
    Example("advanced/defaults_list_interpolation", "my_app.py", "db=sqlite", "--db=sqlite"),
    Example("advanced/hydra_app_example", "-m hydra_app.main", "app.num1=5", "--app.num1=5.0"),
    Example("advanced/hydra_app_example", "hydra_app/main.py", "app.num2=-5", "--app.num2 -5"),
    Example("advanced/nested_defaults_list", "my_app.py", "server/db=sqlite", "--server/db=sqlite"),
    Example("advanced/package_overrides", "simple.py", "db=postgresql", "--db=postgresql"),
    Example("advanced/package_overrides", "two_packages.py", "db@source=postgresql", "--db@source=postgresql"),
    Example("configure_hydra/custom_help", "my_app.py", "--help", "--help"),
    Example("configure_hydra/custom_help", "my_app.py", "db.user=me", "--db.user=me"),
    Example("configure_hydra/job_name", "no_config_file_override.py"),
    Example("configure_hydra/job_name", "no_config_file_override.py", "hydra.job.name=x", "hydra.job.name=x"),
    Example("configure_hydra/job_name", "with_config_file_override.py"),
    Example(
        "configure_hydra/job_override_dirname",
        "my_app.py",
        "learning_rate=0.2 batch_size=64 seed=2",
        "--learning_rate=0.2 --batch_size=64.0 --seed=2",
    ),
    Example(
        "configure_hydra/job_override_dirname", "my_app.py", "-m batch_size=64 seed=1,2", "--batch_size=64 seed=1,2 -m"
    ),
    Example("configure_hydra/logging", "my_app.py"),
    Example("configure_hydra/workdir", "my_app.py", "a=b", "--a=b"),
    Example("experimental/rerun", "my_app.py", "foo=baz", "--foo=baz"),
    Example("instantiate/docs_example", "my_app.py", "trainer.optimizer.lr=0.5", "--trainer.optimizer.lr=5e-1"),
    Example("instantiate/object", "my_app.py", "db=postgresql", "--db=postgresql"),
    Example("instantiate/object_recursive", "my_app.py", "car.driver.age=8", "--car.driver.age=8.0"),
    Example("instantiate/partial", "my_app.py", "model.optim_partial.algo=Adam", "--model.optim_partial.algo=Adam"),
    Example("instantiate/schema", "my_app.py", "db=postgresql db.port=1", "--db.port=1.0 --db=postgresql"),
    Example("instantiate/schema_recursive", "my_app.py", "tree.left.value=7", "--tree.left.value=7.0"),
    Example("patterns/configuring_experiments", "my_app.py", "+experiment=nglite", "+experiment=nglite"),
    Example("patterns/configuring_experiments", "my_app.py", "db=sqlite", "--db=sqlite"),
    Example(
        "patterns/extending_configs",
        "my_app.py",
        "db=mysql_extending_from_this_group db.port=1",
        "--db=mysql_extending_from_this_group --db.port=1",
    ),
    Example("patterns/extending_configs", "my_app.py", exit_code=1),
    Example("patterns/multi-select", "my_app.py", "server/site=[amazon,google]", "server/site=[amazon,google]"),
    Example("patterns/specializing_config", "example.py", "dataset=cifar10", "--dataset=cifar10"),
    Example("patterns/write_protect_config_node", "frozen.py", "data_bits=10", "data_bits=10", 1),
    Example(f"{RUNNING}/3_working_directory", "my_app.py"),
    Example(f"{RUNNING}/3_working_directory", "my_app.py", "hydra.job.chdir=True", "hydra.job.chdir=True"),
    Example(f"{RUNNING}/3_working_directory", "original_cwd.py", "hydra.job.chdir=True", "hydra.job.chdir=True"),
    Example(f"{RUNNING}/4_logging", "my_app.py", "hydra.verbose=[__main__]", "hydra.verbose=[__main__]"),
    Example(f"{RUNNING}/5_basic_sweep", "my_app.py", "--multirun db=mysql,postgresql", "-m db=mysql,postgresql"),
    Example(f"{RUNNING}/5_basic_sweep", "my_app.py", "db=postgresql db.timeout=3", "--db.timeout=3 --db=postgresql"),
    Example(f"{FIRST}/1_simple_cli", "my_app.py", "+db.driver=mysql +db.user=omry", "--+db.driver=mysql +db.user=omry"),
    Example(f"{FIRST}/2_config_file", "my_app.py", "db.user=root db.password=1234", "--db.user=root db.password=1234"),
    Example(f"{FIRST}/2_config_file", "my_app.py", "nope=1", "nope=1", 1),
    Example(f"{FIRST}/3_using_config", "my_app.py"),
    Example(f"{FIRST}/4_config_groups", "my_app.py", "+db=postgresql", "+db=postgresql"),
    Example(f"{FIRST}/5_defaults", "my_app.py", "db=postgresql db.timeout=20", "--db=postgresql --db.timeout=20"),
    Example(f"{FIRST}/5_defaults", "my_app.py", "db=nope", "db=nope", 1),
    Example(f"{FIRST}/6_composition", "my_app.py", "schema=warehouse ui=view", "--schema=warehouse --ui=view"),
    Example(f"{FIRST}/6_composition", "my_app.py", "--cfg job -p db", "--cfg job -p db"),
    Example(f"{STRUCTURED}/1_minimal", "my_app.py", "host=h", "--host=h"),
    Example(f"{STRUCTURED}/1_minimal", "my_app_type_error.py", exit_code=1),
    Example(f"{STRUCTURED}/2_static_complex", "my_app.py", "ui.width=800", "--ui.width=8e2"),
    Example(f"{STRUCTURED}/3_config_groups", "my_app.py", "+db=postgresql", "+db=postgresql"),
    Example(f"{STRUCTURED}/3_config_groups", "my_app_with_inheritance.py", "+db=mysql", "+db=mysql"),
    Example(f"{STRUCTURED}/4_defaults", "my_app.py", "db=postgresql db.timeout=1", "--db.timeout=1.0 --db=postgresql"),
    Example(
        f"{STRUCTURED}/5.1_structured_config_schema_same_config_group",
        "my_app.py",
        "db=postgresql debug=True",
        "--db=postgresql --debug=1",
    ),
    Example(
        f"{STRUCTURED}/5.2_structured_config_schema_different_config_group",
        "my_app.py",
        "db=postgresql debug=True",
        "--db=postgresql --debug=on",
    ),
)
LEFT_OUT = {
    "advanced/ray_example/ray_compose_example.py": "needs ray",
    "plugins/example_launcher_plugin/example/my_app.py": "needs the plugin beside it to be installed",
    "plugins/example_sweeper_plugin/example/my_app.py": "needs the plugin beside it to be installed",
}

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ /_]\d\d[:-]\d\d[:-]\d\d(,\d{3})?")
_OWN_LINE = re.compile(r"^hydra-trial: .*\n", re.MULTILINE)


@pytest.mark.parametrize("app", ["example_app", "completion"])
@pytest.mark.parametrize("as_module", [True, False], ids=["module", "script"])
def test_the_apps_in_hydras_own_package_have_the_same_output(tmp_path: Path, app: str, as_module: bool) -> None:
    module = f"hydra.test_utils.{app}"
    script = Path(next(iter(hydra.test_utils.__path__)), f"{app}.py")
    program = ["-m", module] if as_module else [str(script)]
    plain, trial = (
        (["db=postgresql"], ["--db=postgresql"]) if app == "example_app" else (["dict.key3=a"], ["--dict.key3=a"])
    )
    assert_the_same(tmp_path / "plain", tmp_path / "trial", program, plain, trial, 0)


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of Hydra's examples in the checkout."""
    checkout = os.environ.get(CHECKOUT)
    if not checkout:
        pytest.skip(HOW_TO_GET_ONE)
    folder = Path(checkout, "examples")
    assert folder.is_dir(), f"{CHECKOUT}={checkout}: it has no folder `examples`"
    return folder


@pytest.fixture(scope="session")
def copies(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two copies of the examples, because apps write their output into their working directory."""
    folder = tmp_path_factory.mktemp("examples")
    plain, trial = folder / "plain", folder / "trial"
    shutil.copytree(examples, plain)
    shutil.copytree(examples, trial)
    return plain, trial


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_hydras_example_apps_have_the_same_output(copies: tuple[Path, Path], example: Example) -> None:
    plain, trial = (copy / example.folder for copy in copies)
    assert_the_same(plain, trial, example.program, example.plain.split(), example.trial.split(), example.exit_code)


def test_every_example_app_is_run_or_left_out_for_a_reason(examples: Path) -> None:
    files = {str(path.relative_to(examples)) for path in examples.rglob("*.py") if "hydra.main(" in path.read_text()}
    ran = {f"{example.folder}/{script_of(example)}" for example in EXAMPLES}
    assert files - ran - LEFT_OUT.keys() == set()


def script_of(example: Example) -> str:
    return example.app.removeprefix("-m ").replace(".", "/") + ".py" if "-m " in example.app else example.app


def assert_the_same(
    plain_folder: Path,
    trial_folder: Path,
    program: Sequence[str],
    plain: Sequence[str],
    trial: Sequence[str],
    code: int,
) -> None:
    """Run both concurrently. Allowed differences: the folder, the time, and hydra-trial's own lines on stderr."""
    plain_folder.mkdir(exist_ok=True)
    trial_folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run, plain_folder, [sys.executable, *program, *plain], USER)
        under = hydra_trial(trial_folder, "--", "python", *program, *trial, environ=USER)
        alone = job.result()
    assert alone.returncode == code or not hydra.__version__.startswith("1.3"), alone.stderr
    assert under.returncode == alone.returncode, under.stderr
    assert _normal(under.stdout, trial_folder) == _normal(alone.stdout, plain_folder)
    assert _OWN_LINE.sub("", _normal(under.stderr, trial_folder)) == _normal(alone.stderr, plain_folder)


def _normal(text: str, folder: Path) -> str:
    return _TIME.sub("TIME", text.replace(str(folder), "FOLDER"))
