"""The content of a search file, the same for both of its forms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.job import StudySpec, TrialJobSpec
from hydra_vertex.protocol.json import JsonObject

from .override_text import override_text

METRIC_KEY = "optimized_metric"
DEFAULT_TRIAL_COUNT = 20
DEFAULT_PARALLEL_COUNT = 2
"""The defaults of hydra-optuna-sweeper for `n_trials` and `n_jobs`."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The content of a search file.

    `app_overrides` is what the file sets in the app's config and `fixed` the params with a single value: overrides for
    the app's command line. `sweeps` are the other params of a Hydra sweeper file, `KEY=SWEEP`. `notices` are sentences
    that name what in the file has no effect, and why. `seed` is that of the file's sampler.
    `app_args` and `app_env` are the arguments and the environment variables that the file's container gives the app;
    `job_fields` are further fields of the job, such as `encryptionSpec`. `app` is the app's command in a file that is a
    whole job, with the metrics that it monitors and the `aliases` of its parameters; empty in other files.
    Where the file does not set them, `display_name` is empty and `max_failed_trial_count` is 0.
    """

    study_spec: StudySpec
    max_trial_count: int = DEFAULT_TRIAL_COUNT
    parallel_trial_count: int = DEFAULT_PARALLEL_COUNT
    app_overrides: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    trial_job_spec: TrialJobSpec | None = None
    display_name: str = ""
    max_failed_trial_count: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    app_args: tuple[str, ...] = ()
    app_env: Mapping[str, str] = field(default_factory=dict)
    job_fields: JsonObject = field(default_factory=dict)
    app: tuple[str, ...] = ()
    monitor: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def metric_is_in_app(self) -> bool:
        """Whether the metric's name is an interpolation, which only the app's composed config can resolve."""
        return "${" in self.study_spec.metric_text

    def with_metric(self, name: str) -> SearchSpace:
        """Return the space with another name of the objective, which `app_overrides` have too."""
        metrics = (dataclasses.replace(self.study_spec.objective, id=name), *self.study_spec.metrics[1:])
        names = (self.study_spec.objective.id, name)
        before, after = (override_text(METRIC_KEY, text) or "" for text in names)
        overrides = tuple(after if override == before else override for override in self.app_overrides)
        spec = dataclasses.replace(self.study_spec, metrics=metrics)
        return dataclasses.replace(self, study_spec=spec, app_overrides=overrides)
