"""What is repeated: the number of configurations, the seeds, and the app's key for a seed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hydra_vertex.job.fields import Fields
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError

FIRST_SEED = 1000
"""The first seed unless another is given. Few apps have it as their own seed, with which the study has run."""
LAST_SEED = 2**31 - 1
"""The largest seed: that of a signed number of 32 bits. NumPy and PyTorch accept up to 2**32 - 1."""
FEWEST_REPEATS = 2
"""The fewest values from which a variance can be estimated."""
TRIAL_PARAMETER = "study_trial"
"""The parameter of a confirmation's job for the configuration: its value is the id of the study's trial."""

_KEY = re.compile(r"\+{0,2}[A-Za-z_][\w/-]*(\.[\w-]+)*")


@dataclass(frozen=True, slots=True)
class ConfirmSettings:
    """`seed_key` is a key of the app's config, with `+` in front of a key that the config lacks."""

    configurations: int
    repeats: int
    seed_key: str
    first_seed: int = FIRST_SEED

    @property
    def seeds(self) -> range:
        """The seeds, which are the same for every configuration."""
        return range(self.first_seed, self.first_seed + self.repeats)

    @property
    def trials(self) -> int:
        """The largest number of trials: there are fewer when the study measured fewer configurations."""
        return self.configurations * self.repeats

    def problem(self) -> str:
        """Return what is wrong with the settings; empty when nothing is."""
        if self.configurations < 1:
            return f"{self.configurations} configurations: expected 1 or more"
        if self.repeats < FEWEST_REPEATS:
            return f"{self.repeats} repeats: expected {FEWEST_REPEATS} or more, because one value has no variance"
        if not _KEY.fullmatch(self.seed_key) or self.seed_key == TRIAL_PARAMETER:
            return f"seed key {excerpt(repr(self.seed_key))}: expected a key of the app's config, such as seed"
        if self.first_seed < 0 or self.seeds[-1] > LAST_SEED:
            return f"seeds {self.first_seed} to {self.seeds[-1]}: expected seeds from 0 to {LAST_SEED}"
        return ""


def dump_settings(settings: ConfirmSettings | None) -> str:
    """Return the settings as JSON for a pipeline parameter; empty for None."""
    if settings is None:
        return ""
    return json.dumps(
        {
            "configurations": settings.configurations,
            "repeats": settings.repeats,
            "seedKey": settings.seed_key,
            "firstSeed": settings.first_seed,
        }
    )


def load_settings(text: str, path: str = "confirm") -> ConfirmSettings | None:
    """Return the settings of a pipeline parameter; None for an empty one. Raises DocumentError naming the field."""
    if not text.strip():
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DocumentError(path, f"not JSON ({error}): {text!r:.200}") from error
    fields = Fields(value, path)
    first = fields.integer("firstSeed") if fields.has("firstSeed") else FIRST_SEED
    found = ConfirmSettings(fields.integer("configurations"), fields.integer("repeats"), fields.text("seedKey"), first)
    if unknown := sorted(fields.rest()):
        raise DocumentError(path, f"has unknown fields: {', '.join(unknown)}")
    if problem := found.problem():
        raise DocumentError(path, problem)
    return found
