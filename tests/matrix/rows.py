"""The rows of the matrix: Python, versions of libraries, and the tests to run.

The combination of requirements/dev.txt has no row, because the suite runs on it. These combinations are impossible and
have no row either:

- Hydra 1.2 on Python 3.11 and newer: its own dataclasses have defaults that these Pythons refuse.
- Hydra 1.3 on Python 3.14: argparse refuses the help text of one of its options.
- Hydra 1.3 with OmegaConf 2.4, and Hydra 1.4 with an older OmegaConf: excluded by their requirements.
- google-cloud-pipeline-components with google-cloud-aiplatform 2: excluded by the requirements of the former.
"""

from __future__ import annotations

from dataclasses import dataclass

TRIAL_ALL = ("tests/trial",)
TRIAL_SOME = tuple(
    f"tests/trial/{name}.py"
    for name in (
        "command/test_main_module",
        "config/test_composition",
        "config/test_quoting",
        "overrides/test_delivery",
        "test_execution_whitelist",
        "test_hydra_trial",
        "test_third_party_apps",
    )
)
LAUNCHING = (
    "tests/cli/sweeper",
    "tests/cli/test_main.py",
    "tests/job",
    "tests/launcher/best",
    "tests/launcher/preflight",
    "tests/launcher/report",
    "tests/launcher/search_space",
    "tests/launcher/study",
    "tests/pipelines",
    "tests/service/api",
    "tests/service/contract",
)
GOOGLE_COMPONENTS = (
    "tests/launcher/steps/test_tune.py::test_the_link_has_the_form_that_google_components_read",
    "tests/pipelines/test_compiler.py",
    "tests/pipelines/test_vertex_fields.py",
    "tests/pipelines/test_registration.py",
    "tests/service/contract",
)
REPORT = ("tests/launcher/report",)
SWEEPER = ("tests/cli/sweeper",)

TEST_TOOLS = ("pytest>=9", "hypothesis>=6.150", "joblib>=1.4")
LAUNCHING_TOOLS = (*TEST_TOOLS, "cryptography>=43", "httpx>=0.28")

# A pre-release in the lower bound makes uv accept the newest pre-release.
HYDRA_1_4 = ("hydra-core>=1.4.0rc3,<1.5", "omegaconf>=2.4.1rc1,<2.5")

# Beginnings of warnings of these versions about each other, or about code that older versions still need.
VERSION_BASE = ("The version_base parameter is deprecated",)  # deprecated by Hydra 1.4, asked for by 1.2 and 1.3
RESOLVERS = (  # Hydra 1.2 registers its resolvers and sets one key in the way of OmegaConf before 2.4
    "register_new_resolver() is deprecated",
    "Implicit conversion from Version to str at 'hydra.runtime.version_base'",
)
OLD_PYTHON = (
    "You are using a non-supported Python version",
)  # Google's libraries, on the oldest Python that they support
OPTUNA_2 = ("The ``declarative_base()`` function is now available",)  # Optuna 2 with SQLAlchemy 2


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `tests` are arguments of pytest, `extras` those of hydra-vertex.

    `oldest` installs the lowest version of each direct requirement. `ignored` are the beginnings of warnings of other
    libraries. A test that is skipped with a reason that contains `must_run` fails the row, because the row exists for
    it. `between` marks a row that is not at an end of a range; --ends omits it.
    """

    name: str
    python: str
    requirements: tuple[str, ...]
    tests: tuple[str, ...]
    extras: tuple[str, ...] = ()
    tools: tuple[str, ...] = TEST_TOOLS
    oldest: bool = False
    ignored: tuple[str, ...] = ()
    must_run: str = ""
    between: bool = False

    def __str__(self) -> str:
        return f"{self.name}: Python {self.python}, {', '.join(self.requirements) or 'newest versions'}"


def trial(
    python: str, *requirements: str, every_test: bool = False, ignored: tuple[str, ...] = (), between: bool = False
) -> Row:
    """Return a row for the trial side, installed without extras, as in training images."""
    name, tests = ("trial, all tests", TRIAL_ALL) if every_test else ("trial", TRIAL_SOME)
    return Row(name, python, requirements, tests, ignored=ignored, between=between)


def launching(python: str, *requirements: str, oldest: bool = False, ignored: tuple[str, ...] = ()) -> Row:
    """Return a row for launcher, service and pipelines, with the oldest or the newest versions of requirements."""
    name = "launching, oldest versions" if oldest else "launching"
    return Row(name, python, requirements, LAUNCHING, ("all",), LAUNCHING_TOOLS, oldest, ignored)


# The longest rows come first, so that the two parallel workers finish at about the same time.
ROWS = (
    trial("3.10", "hydra-core==1.2.0", "omegaconf==2.2.3", every_test=True),
    trial("3.13", *HYDRA_1_4, every_test=True, ignored=VERSION_BASE),
    trial("3.13", "hydra-core==1.3.8", "omegaconf==2.3.1", every_test=True, between=True),
    launching("3.10", "hydra-core==1.3.2", "omegaconf==2.3.0", oldest=True, ignored=(*OLD_PYTHON, *OPTUNA_2)),
    launching("3.13"),
    launching("3.14", *HYDRA_1_4, ignored=VERSION_BASE),
    trial("3.10", "hydra-core==1.2.0", "omegaconf==2.3.1", between=True),
    trial("3.10", "hydra-core==1.2.0", "omegaconf==2.4.0", ignored=RESOLVERS, between=True),
    trial("3.10", "hydra-core==1.3.2", "omegaconf==2.2.3", between=True),
    trial("3.10", *HYDRA_1_4, ignored=VERSION_BASE, between=True),
    trial("3.11", "hydra-core==1.3.0", "omegaconf==2.2.3"),
    trial("3.11", *HYDRA_1_4, ignored=VERSION_BASE, between=True),
    trial("3.12", "hydra-core==1.3.2", "omegaconf==2.3.1"),
    trial("3.12", *HYDRA_1_4, ignored=VERSION_BASE, between=True),
    trial("3.14", *HYDRA_1_4, ignored=VERSION_BASE),
    Row(
        "google-components",
        "3.11",
        ("google-cloud-aiplatform<2",),
        GOOGLE_COMPONENTS,
        ("all", "google-components"),
        LAUNCHING_TOOLS,
        must_run="google-components",
    ),
    Row(
        "hydra-optuna-sweeper",
        "3.11",
        ("hydra-optuna-sweeper==1.2.0",),
        (*REPORT, *SWEEPER),
        ("all",),
        LAUNCHING_TOOLS,
        ignored=OPTUNA_2,
        must_run="hydra-optuna-sweeper",
    ),
)
