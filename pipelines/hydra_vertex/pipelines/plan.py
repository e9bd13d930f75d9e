"""The plan of a tuning run: combines the search file and the flags, and checks both before anything starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra_vertex.job import (
    AutomatedStopping,
    ConvexStopping,
    DecayCurveStopping,
    MedianStopping,
    StudySpec,
    TrialJobSpec,
    dump_study_spec,
    dump_trial_job_spec,
    walk_parameters,
)
from hydra_vertex.job.env_references import expanded
from hydra_vertex.job.seed import seed_labels
from hydra_vertex.launcher.capacity.rungs import Rung, dump_ladder, on_rung
from hydra_vertex.launcher.confirm.settings import ConfirmSettings, dump_settings
from hydra_vertex.launcher.cost.limits import SpendingLimits
from hydra_vertex.launcher.decisions import CANCEL, FAIL, NEW
from hydra_vertex.launcher.preflight.file_overrides import with_file_overrides
from hydra_vertex.launcher.preflight.job_builder import (
    FILE_OVERRIDES_LABEL,
    check_counts,
    display_name_for,
)
from hydra_vertex.launcher.search_space import SearchSpace, is_gcloud_form, load_document, parse_document
from hydra_vertex.launcher.secrets.masker import secrets_in_arguments, secrets_in_document
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError, SearchSpaceError
from hydra_vertex.protocol.executor import parameter_text
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.suggestions import suggest

from .api_fields import require_known_fields, require_known_values
from .app_command import chosen_command, require_command
from .app_study import SOURCE, composed_space, with_composed_metric
from .gcloud_values import as_gcloud_reads
from .model_decisions import ModelDecisions, require_not_tuned
from .objectives import require_objective, require_possible

PipelineArguments = Mapping[str, str | int]

EARLY_STOPPING: Mapping[str, AutomatedStopping | None] = {
    "median": MedianStopping(),
    "decay-curve": DecayCurveStopping(),
    "convex": ConvexStopping(),
    "none": None,
}


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """What one run of the pipeline is to do.

    `source` names the search file, or the app's config. `app` ends with `file_overrides`, what the search file sets in
    the app's config. `sweeps` are the file's sweeps, `KEY=SWEEP`, which determine the types of the values. `notices`
    are sentences about parts of the file that have no effect. `aliases` are texts `ID=KEY`; `app_env` are variables for
    the app, and `job_fields` further fields of the job. `seed` is among the labels too. In `study_root`, each run of
    the pipeline makes a folder for the output of its trials; empty: the trial job's own folder, if any.
    """

    app: tuple[str, ...]
    display_name: str
    study_spec: StudySpec
    trial_job_spec: TrialJobSpec
    max_trial_count: int
    parallel_trial_count: int
    max_failed_trial_count: int = 0
    retrain_overrides: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    monitor: tuple[str, ...] = ()
    source: str = ""
    file_overrides: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    seed: int | None = None
    on_unsuccessful_job: str = FAIL
    metric_threshold: float | None = None
    on_missed_threshold: str = FAIL
    attach: str = NEW
    on_stop: str = CANCEL
    app_env: Mapping[str, str] = field(default_factory=dict)
    job_fields: JsonObject = field(default_factory=dict)
    study_root: str = ""
    model: ModelDecisions = field(default_factory=ModelDecisions)
    spending: SpendingLimits = field(default_factory=SpendingLimits)
    ladder: tuple[Rung, ...] = ()
    confirm: ConfirmSettings | None = None
    prefer: str = ""

    def possible_trial_jobs(self) -> tuple[TrialJobSpec, ...]:
        """Return the specs that the trials may have: one for each strategy of the ladder, else that of the plan."""
        by_strategy = {rung.strategy: on_rung(self.trial_job_spec, rung, 1) for rung in self.ladder}
        return tuple(by_strategy.values()) or (self.trial_job_spec,)

    def pipeline_arguments(self, *, project: str, location: str, api_endpoint: str = "") -> dict[str, str | int]:
        """Return the pipeline's parameters; structured values are JSON text.

        A parameter at its default is omitted if pipelines compiled by version 0.1 do not have it.
        """
        added = {
            "aliases": parameter_text(list(self.aliases)) if self.aliases else "",
            "attach": self.attach,
            "job_fields": parameter_text(self.job_fields) if self.job_fields else "",
            "app_environment": parameter_text(expanded(self.app_env, {})) if self.app_env else "",
            "study_root": self.study_root,
            "prefer": self.prefer,
        }
        if self.on_unsuccessful_job != FAIL:
            added["on_unsuccessful_job"] = self.on_unsuccessful_job
        if self.on_stop != CANCEL:
            added["on_stop"] = self.on_stop
        if self.metric_threshold is not None:
            added |= {
                "metric_threshold": repr(self.metric_threshold),
                "on_missed_threshold": self.on_missed_threshold,
            }
        return {
            "project": project,
            "location": location,
            "api_endpoint": api_endpoint,
            "display_name": self.display_name,
            "app_command": parameter_text(list(self.app)),
            "study_spec": parameter_text(dump_study_spec(self.study_spec)),
            "trial_job_spec": parameter_text(dump_trial_job_spec(self.trial_job_spec)),
            "max_trial_count": self.max_trial_count,
            "parallel_trial_count": self.parallel_trial_count,
            "max_failed_trial_count": self.max_failed_trial_count,
            "metric": self.study_spec.metric_text,
            "retrain_overrides": parameter_text(list(self.retrain_overrides)),
            "labels": parameter_text({**self.labels, **self._file_label()}),
            "monitor": parameter_text(list(self.monitor)),
            "sweeps": parameter_text(list(self.sweeps)),
            **{name: text for name, text in added.items() if text},
            **self.model.pipeline_arguments(),
            **self.spending.pipeline_arguments(),
            **({"capacity_ladder": dump_ladder(self.ladder)} if self.ladder else {}),
            **({"confirm": dump_settings(self.confirm)} if self.confirm else {}),
        }

    def _file_label(self) -> dict[str, str]:
        """Return the label by which `best` tells the search file's overrides from those of the command."""
        return {FILE_OVERRIDES_LABEL: str(len(self.file_overrides))} if self.file_overrides else {}

    def has_secrets(self) -> bool:
        """Whether a command line or an environment variable of the trials contains a secret."""
        containers = [pool.container for pool in self.trial_job_spec.worker_pools if pool.container is not None]
        lines = [*self.app, *self.retrain_overrides, *(part for c in containers for part in (*c.command, *c.args))]
        variables = {name: value for c in containers for name, value in c.env.items()}
        found = (*secrets_in_arguments(lines), *secrets_in_document(variables))
        return bool(found)


def make_plan(
    search: Path | None,
    app: tuple[str, ...],
    *,
    trials: int | None = None,
    parallel: int | None = None,
    trial_timeout_s: float | None = None,
    max_failed_trials: int | None = None,
    name: str = "",
    retrain_overrides: tuple[str, ...] = (),
    trial_job: TrialJobSpec | None = None,
    early_stopping: str | None = None,
    monitor: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    seed: int | None = None,
    on_unsuccessful_job: str = FAIL,
    metric_threshold: float | None = None,
    on_missed_threshold: str = FAIL,
    model: ModelDecisions | None = None,
    prefer: str = "",
) -> TuningPlan:
    """Read the search file and apply the flags, which override it. None keeps the value of the file.

    Without a search file, the search space is that of the app's composed config, which the app's command chooses.

    `early_stopping` is a key of EARLY_STOPPING. With a stopping rule and without `monitor`, the objective is monitored,
    because the rule needs its curve.
    Raises UserError: SearchSpaceError for the file and the counts, CommandError for an app command that is missing or
    contains an argument that a job document cannot hold, and for options that contradict each other.
    """
    source = SOURCE if search is None else str(search)
    space, app = _space_and_command(search, app, source)
    model = model or ModelDecisions()
    all_aliases = _aliases(space, aliases)
    require_not_tuned(model.warm_start_key, space.study_spec, all_aliases)
    _require_threshold(metric_threshold, on_missed_threshold)
    max_trials, at_once = _counts(space, trials, parallel)
    command = _command(space, app, source)
    seed = space.seed if seed is None else seed
    spec = _study_spec(space, early_stopping)
    require_possible(spec, metric_threshold)
    require_objective(spec, prefer)
    return TuningPlan(
        app=command,
        display_name=name or space.display_name or display_name_for(app, str(search or "")),
        study_spec=spec,
        trial_job_spec=_job_spec(space, trial_job, trial_timeout_s),
        max_trial_count=max_trials,
        parallel_trial_count=at_once,
        max_failed_trial_count=space.max_failed_trial_count if max_failed_trials is None else max_failed_trials,
        retrain_overrides=retrain_overrides,
        labels={**space.labels, **seed_labels(seed)},
        source=source,
        file_overrides=command[len(app) :],
        sweeps=space.sweeps,
        aliases=all_aliases,
        seed=seed,
        on_unsuccessful_job=on_unsuccessful_job,
        metric_threshold=metric_threshold,
        on_missed_threshold=on_missed_threshold,
        app_env=space.app_env,
        job_fields=space.job_fields,
        notices=space.notices,
        model=model,
        prefer=prefer,
        monitor=monitor or space.monitor or ((spec.objective.id,) if spec.automated_stopping else ()),
    )


def _space_and_command(search: Path | None, typed: tuple[str, ...], source: str) -> tuple[SearchSpace, tuple[str, ...]]:
    """Return the search space of the file or else of the app's config, and the app's command."""
    if typed or search is None:
        require_command(typed)
    given = None if search is None else _read(search)
    app = chosen_command(typed, given, source)
    space = given or composed_space(app)
    if space.metric_is_in_app:
        space = with_composed_metric(space, _command(space, app, source), source)
    return space, app


def _command(space: SearchSpace, app: tuple[str, ...], source: str) -> tuple[str, ...]:
    return with_file_overrides((*app, *space.app_args), (*space.app_overrides, *space.fixed), source)


def _study_spec(space: SearchSpace, early_stopping: str | None) -> StudySpec:
    if early_stopping is None:
        return space.study_spec
    return dataclasses.replace(space.study_spec, automated_stopping=EARLY_STOPPING[early_stopping])


def _job_spec(space: SearchSpace, trial_job: TrialJobSpec | None, timeout_s: float | None) -> TrialJobSpec:
    spec = trial_job or space.trial_job_spec or TrialJobSpec(worker_pools=())
    return spec if timeout_s is None else dataclasses.replace(spec, timeout_s=timeout_s)


def _read(search: Path) -> SearchSpace:
    document = load_document(search)
    if is_gcloud_form(document):
        require_known_fields(document, search)
        document = as_gcloud_reads(document, search)
    space = parse_document(document, search)
    if is_gcloud_form(document):
        require_known_values(document, search)
    return space


def _require_threshold(threshold: float | None, on_missed: str) -> None:
    if threshold is None and on_missed != FAIL:
        raise CommandError(f"--on-missed-threshold {on_missed}: there is no threshold; give --metric-threshold too")


def _aliases(space: SearchSpace, aliases: Sequence[str]) -> tuple[str, ...]:
    """Return the aliases of the file and of the options. Raises SearchSpaceError for an unknown parameter."""
    names = [parameter.id for parameter in walk_parameters(space.study_spec.parameters)]
    for alias in aliases:
        name = alias.partition("=")[0]
        if name not in names:
            raise SearchSpaceError(
                f"--alias {excerpt(alias)}: the search space has no parameter {excerpt(name)}{suggest(name, names)}"
            )
    return (*space.aliases, *(alias for alias in aliases if alias not in space.aliases))


def _counts(space: SearchSpace, trials: int | None, parallel: int | None) -> tuple[int, int]:
    """Return the number of trials, and of trials at once; the file's number of the latter is capped at the former."""
    max_trials = space.max_trial_count if trials is None else trials
    at_once = min(space.parallel_trial_count, max_trials) if parallel is None else parallel
    check_counts(max_trials, at_once)
    return max_trials, at_once
