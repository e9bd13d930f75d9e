"""The rows of the matrix: on which Python, with which versions, which tests run.

The combination that the other tests run on (see requirements/dev.txt) has no row. Combinations that cannot be, and so
have no row either:

- Hydra 1.2 on Python 3.11 and newer: its own dataclasses have defaults that these Pythons refuse.
- Hydra 1.3 on Python 3.14: argparse refuses the help text of one of its options.
- Hydra 1.3 with OmegaConf 2.4, and Hydra 1.4 with an older one: each refuses the other in its requirements.
- google-cloud-pipeline-components with google-cloud-aiplatform 2: refused in the requirements of the former.
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
    "tests/service/contract",
)
REPORT = ("tests/launcher/report",)

TEST_TOOLS = ("pytest>=9", "hypothesis>=6.150", "joblib>=1.4")
LAUNCHING_TOOLS = (*TEST_TOOLS, "cryptography>=43", "httpx>=0.28")

# Each names a pre-release, so that the newest one is taken.
HYDRA_1_4 = ("hydra-core>=1.4.0rc3,<1.5", "omegaconf>=2.4.1rc1,<2.5")

# Warnings of these versions about each other, or about what only newer versions make unnecessary; literal beginnings.
VERSION_BASE = ("The version_base parameter is deprecated",)  # Hydra 1.2 and 1.3 ask apps for what 1.4 deprecates
RESOLVERS = (  # Hydra 1.2 registers its resolvers, and sets one key of its own, as OmegaConf before 2.4 wants it
    "register_new_resolver() is deprecated",
    "Implicit conversion from Version to str at 'hydra.runtime.version_base'",
)
OLD_PYTHON = (
    "You are using a non-supported Python version",
)  # Google's libraries, on the oldest Python that they take
OPTUNA_2 = ("The ``declarative_base()`` function is now available",)  # Optuna 2 with SQLAlchemy 2


@dataclass(frozen=True, slots=True)
class Row:
    """`tests` are pytest's arguments, `extras` ours. `oldest` takes the lowest version of each of our requirements.

    `ignored` are the beginnings of warnings that are not ours to change. A test that skips for a reason that holds
    `must_run` fails the row: it is what the row is for. A row `between` others is left out by --ends.
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
    """The trial side, installed without an extra, as it goes into training images."""
    name, tests = ("trial, all tests", TRIAL_ALL) if every_test else ("trial", TRIAL_SOME)
    return Row(name, python, requirements, tests, ignored=ignored, between=between)


def launching(python: str, *requirements: str, oldest: bool = False, ignored: tuple[str, ...] = ()) -> Row:
    """Launcher, service and pipelines, with the oldest or the newest versions of what they need."""
    name = "launching, oldest versions" if oldest else "launching"
    return Row(name, python, requirements, LAUNCHING, ("all",), LAUNCHING_TOOLS, oldest, ignored)


# The long rows first, so that two at a time end together.
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
        REPORT,
        ("all",),
        LAUNCHING_TOOLS,
        ignored=OPTUNA_2,
    ),
)
