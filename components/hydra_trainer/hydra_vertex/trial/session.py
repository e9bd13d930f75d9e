"""One run of an app: handles the call of its Hydra main and the return of that call."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.errors import ArgumentError, CommandError, HydraVertexError
from hydra_vertex.trial.config.hydra_main import Launch, capture_config_loader, replace_hydra_main, run_and_watch
from hydra_vertex.trial.config.outside_main import watch_hydra
from hydra_vertex.trial.overrides.arguments import (
    CONFIG_FLAGS,
    Argument,
    Flag,
    Parameter,
    flag_tokens,
    override_texts,
    parse_arguments,
    with_aliases,
)
from hydra_vertex.trial.overrides.job_number import job_overrides
from hydra_vertex.trial.overrides.presence import is_set, is_single_run
from hydra_vertex.trial.overrides.run_dir import run_dir_override, sweep_overrides
from hydra_vertex.trial.overrides.sweeps import with_literals
from hydra_vertex.trial.reporting.metrics import check_metric_name, check_metric_names, metric_file, names_of_metrics
from hydra_vertex.trial.reporting.objective import NoObjective, parse_outcome
from hydra_vertex.trial.reporting.output_dir import link_output_dir, write_output_dir
from hydra_vertex.trial.reporting.place import check_place
from hydra_vertex.trial.reporting.rank import is_first_process
from hydra_vertex.trial.reporting.reporting import prepare_reporting

from .log import tell
from .options import Options

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn

    from hydra_vertex.protocol.explanation import Explanation
    from hydra_vertex.trial.config.composition import AppConfig, KnownMode
    from hydra_vertex.trial.overrides.delivery import Delivery

_RERUN = "--experimental-rerun"
_CONFIG_NAME = "--config-name"
_MODE = "hydra.mode"


class Session:
    """Delivers the parameters when the app calls its main for the first time, and reports what the main returns.

    Both happen inside calls from the app's own code, which may catch exceptions. So an error is logged at once, raised
    as SystemExit to end the app, and stored in `error`.
    """

    def __init__(self, options: Options, program: Sequence[str], arguments: Sequence[str]) -> None:
        """`program` is the app's command without `arguments`. Raises ArgumentError, MetricError."""
        check_metric_names(options.metric, options.monitor, os.environ)
        self.explanation: Explanation | None = None
        self.error: HydraVertexError | None = None
        self.was_delivered = False
        self._options = options
        self._program = tuple(program)
        self._arguments = self._parsed(arguments)
        self._metric_file: Path | None = metric_file(os.environ)
        self._launched = False

    @property
    def hydra_arguments(self) -> tuple[str, ...]:
        """The content of `sys.argv[1:]` before the app calls its main: all arguments except the parameters."""
        return (*flag_tokens(self._arguments), *override_texts(self._arguments))

    @property
    def is_explaining(self) -> bool:
        """Whether the app is explained and not run."""
        return self._options.explain

    def start(self) -> None:
        """Replace `hydra.main`, so that the app's call arrives here. Raises OutputError for an unusable metric file."""
        self.prepare()
        replace_hydra_main(self.on_launch)
        watch_hydra(self._on_hydra_created)

    def prepare(self) -> None:
        """Set up reporting. Raises OutputError for an unusable metric file."""
        if self._metric_file is not None and self._is_recorded():
            check_place(self._metric_file)
        prepare_reporting(self._options.monitor)

    def _is_recorded(self) -> bool:
        return is_single_run(self._arguments) and not self._options.explain and is_first_process()

    def check_delivered(self) -> None:
        """Check that the app called its main, and so received its parameters. Raises CommandError."""
        if self._launched:
            return
        names = ", ".join(p.key for p in self._arguments if isinstance(p, Parameter))
        program = " ".join(self._program)
        if names:
            raise CommandError(f"{program}: exited without calling hydra.main, so nothing received {names}")
        if self._options.explain:
            raise CommandError(f"{program}: exited without calling hydra.main, so there is no config to explain")

    def _on_hydra_created(self, caller: str) -> None:
        """Exit when the app starts Hydra without `hydra.main`. After its main was called, that is the app's own use."""
        if self._launched:
            return
        parameters = [p.argument for p in self._arguments if isinstance(p, Parameter)]
        error = outside_main_error(caller, parameters, self._options)
        if error is not None:
            self._launched = True
            self._tell(error)
            raise SystemExit(error.exit_code)

    def on_launch(self, launch: Launch, config_name: str | None) -> object:
        """Deliver the parameters when this is the first call, run the app, and report what its main returns."""
        first, self._launched = not self._launched, True
        mode: KnownMode | None = None
        if first:
            try:
                if self._options.socket is not None:
                    self._answer_questions(self._options.socket, launch, config_name)
                    raise SystemExit(0)
                with _collector_paused():
                    mode = self._deliver(launch, config_name)
            except HydraVertexError as error:
                self._tell(error)
                raise SystemExit(error.exit_code) from error
            if self.explanation is not None:
                raise SystemExit(0)
            self.was_delivered = True
        return run_and_watch(launch, self._on_return, mode, is_one_run=first and _is_one_run(self._present_arguments()))

    def _answer_questions(self, path: Path, launch: Launch, config_name: str | None) -> None:
        from .dialogue import AppConfigs, AppDialogue, answer_questions

        configs = AppConfigs(launch, config_name)
        answer_questions(path, AppDialogue(configs, self._program, self._present_arguments(), self._parsed))

    def _parsed(self, arguments: Sequence[str]) -> tuple[Argument, ...]:
        """Parse arguments, with the literals of the sweeps and the keys of the aliases."""
        parsed = with_literals(parse_arguments(arguments), self._options.sweeps)
        return with_aliases(parsed, {alias.id: alias.key for alias in self._options.aliases})

    def _deliver(self, launch: Launch, config_name: str | None) -> KnownMode | None:
        """Set `sys.argv` to the delivered arguments. Return Hydra's mode, if the composition determined it."""
        arguments = self._present_arguments()
        parameters = [argument for argument in arguments if isinstance(argument, Parameter)]
        resumes = self._options.resume_key is not None and is_single_run(arguments)
        if not parameters and not self._options.explain and not resumes:
            sys.argv[1:] = [*flag_tokens(arguments), *override_texts(arguments), *_trial_overrides(arguments)]
            return None
        delivery, app = _delivery(launch, config_name, arguments)
        if resumes:
            delivery = self._with_checkpoint(app, delivery)
        sys.argv[1:] = [*delivery.command, *_trial_overrides(arguments)]
        if self._options.explain:
            from hydra_vertex.trial.overrides.alternatives import check_alternatives
            from hydra_vertex.trial.overrides.explain import explain

            check_alternatives(app, arguments, delivery)
            self.explanation = explain(app, delivery, self._program)
        return delivery.mode

    def _with_checkpoint(self, app: AppConfig, delivery: Delivery) -> Delivery:
        from hydra_vertex.trial.resume.resume import resumption

        key = self._options.resume_key or ""
        found = resumption(app, delivery, key, os.environ)
        if found is None:
            return delivery
        if is_first_process() and not self._options.explain:
            tell(f"resumes from {found.checkpoint} ({key})")
        return found.added_to(delivery)

    def _present_arguments(self) -> tuple[Argument, ...]:
        """Return the arguments in their order; if the app changed `sys.argv`, the parameters come last."""
        if tuple(sys.argv[1:]) == self.hydra_arguments:
            return self._arguments
        parameters = (argument for argument in self._arguments if isinstance(argument, Parameter))
        return (*parse_arguments(sys.argv[1:]), *parameters)

    def _on_return(self, job: JobReturn) -> None:
        if not is_first_process():
            return
        write_output_dir(job, os.environ)
        link_output_dir(job, os.environ)
        metrics = names_of_metrics(self._options.metric, os.environ, _optimized_metric(job))
        outcome = parse_outcome(job.return_value, metrics)
        values = {} if isinstance(outcome, NoObjective) else dict(zip(metrics, outcome, strict=True))
        error = self._record(values) if values else None
        self._warn_about_unmonitored_metric(metrics)
        if error is not None:
            self._tell(error)
        elif isinstance(outcome, NoObjective):
            tell(f"no measurement: {outcome.reason}")
        else:
            tell(", ".join(f"{metric} = {value}" for metric, value in values.items()))

    def _record(self, values: Mapping[str, float]) -> HydraVertexError | None:
        """Record the value of each metric. Return the error when that failed, else None."""
        if self._metric_file is None:
            return None
        from hydra_vertex.trial.reporting.metric_file import add_final_value, add_final_values

        try:
            for metric in values:
                check_metric_name(metric)
            if len(values) > 1:
                add_final_values(self._metric_file, values)
            else:
                for metric, value in values.items():
                    add_final_value(self._metric_file, metric, value)
        except HydraVertexError as error:
            return error
        return None

    def _warn_about_unmonitored_metric(self, metrics: Sequence[str]) -> None:
        monitored, metric = self._options.monitor, metrics[0]
        if monitored and len(metrics) == 1 and metric not in monitored:
            names = ", ".join(monitored)
            tell(f"--monitor {names}: early stopping uses the trial's metric, {metric}, which is not monitored")

    def _tell(self, error: HydraVertexError) -> None:
        self.error = error
        tell(str(error))


def outside_main_error(caller: str, parameters: Sequence[str], options: Options) -> CommandError | None:
    """Return the error of an app that starts Hydra without `hydra.main`; None for one that loses nothing by it."""
    names = ", ".join(dict.fromkeys(parameter[2:].partition("=")[0] for parameter in parameters))
    if not names and not options.explain:
        return None
    lost = f"nothing would receive {names}" if names else "there is no config to explain"
    return CommandError(
        f"{caller} starts Hydra without hydra.main, so {lost}; start the app with a function that has the decorator "
        "@hydra.main"
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the garbage collector: our allocations could start a full collection, 0.2 s in a large app."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _is_one_run(arguments: Sequence[Argument]) -> bool:
    """Whether the app is run once, whatever its config says: unless the command line itself asks for a sweep."""
    keys = [argument.key for argument in arguments if isinstance(argument, Parameter)]
    return is_single_run(arguments) and not is_set(_MODE, (*override_texts(arguments), *keys))


def _trial_overrides(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """Return what Hydra's launchers set for a job of a sweep: its output folder, number and id."""
    sweep = sweep_overrides(os.environ, arguments)
    run_dir = None if sweep else run_dir_override(os.environ, arguments)
    return (*sweep, *(() if run_dir is None else (run_dir,)), *job_overrides(os.environ, arguments))


def _delivery(launch: Launch, config_name: str | None, arguments: Sequence[Argument]) -> tuple[Delivery, AppConfig]:
    from hydra_vertex.trial.config.composition import AppConfig
    from hydra_vertex.trial.overrides.delivery import deliver

    flags = [argument for argument in arguments if isinstance(argument, Flag)]
    if any(flag.name == _RERUN for flag in flags):
        raise ArgumentError(f"{_RERUN} uses the whole config of an earlier run; leave it out, or the parameters")
    config_flags = [flag for flag in flags if flag.name in CONFIG_FLAGS]
    loader = capture_config_loader(launch, flag_tokens(config_flags))
    named = [flag.value for flag in flags if flag.name == _CONFIG_NAME]
    app = AppConfig(loader, named[-1] if named else config_name, override_texts(arguments))
    return deliver(app, arguments), app


def _optimized_metric(job: JobReturn) -> object:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return None if job.cfg is None else OmegaConf.select(job.cfg, "optimized_metric")
    except OmegaConfBaseException:
        return None
