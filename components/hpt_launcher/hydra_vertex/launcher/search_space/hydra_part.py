"""The keys below `hydra:` in a sweeper file: each becomes overrides, has no effect, or is refused. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from hydra.conf import HydraConf

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.suggestions import suggest

from .app_part import HYDRA, value_overrides

SWEEPER = "sweeper"

SECTIONS_WITHOUT_EFFECT: Mapping[str, str] = {
    "launcher": "the tuning service starts the trials",
    "mode": "each trial is one run",
    "run": "each trial has its own output folder",
    "sweep": "each trial has its own output folder",
}
REFUSED_SECTIONS: Mapping[str, str] = {
    "overrides": "Hydra sets it",
    "runtime": "Hydra sets it",
    "searchpath": "Hydra accepts it only in the primary config and on the command line; add hydra.searchpath=[…] to "
    "the app's command",
}
_SECTIONS = frozenset(field.name for field in dataclasses.fields(HydraConf))

UNDERSTOOD = frozenset({"params", "direction", "n_trials", "n_jobs", "optimized_metric", "sampler", "study_name"})
"""The keys of `hydra.sweeper` that set something of the study."""
CONVERTED = frozenset({"ax_config", "optim", "parametrization", "search_space"})
"""The keys of `hydra.sweeper` in other sweepers' own forms, which are converted to UNDERSTOOD."""

SWEEPER_OPTIONS = (
    *("early_stopping", "monitor", "trial_timeout", "seed", "on_unsuccessful_job", "no_check", "no_baseline"),
    *("start_from", "confirm", "repeats", "seed_key", "first_seed"),
    *("retrain", "warm_start", "prefer"),
    *("trials_per_gpu", "gpus_per_trial", "gpu_memory_per_trial", "trial_memory", "trial_nice"),
    *("engine", "engine_config", "engine_set"),
    *("image", "trial_machine_type", "trial_accelerator", "trial_accelerator_count", "worker_pool_spec"),
    *("trial_duration", "hourly_price", "provisioning", "max_cost", "max_worker_hours"),
    *("page", "no_page", "open"),
)
"""The keys of the config `hydra/sweeper: vertex` that are options of `hydra-vertex run`."""
BUCKET = "bucket"
VERTEX_OPTIONS = (
    *("endpoint", "project", "location", BUCKET),
    *("trial_disk", "strategy", "max_wait", "restart", "persistent_resource"),
    *("service_account", "trial_service_account", "network", "reserved_ip_range", "network_attachment"),
    *("encryption_key", "label", "tensorboard", "log_experiment", "no_machine_check", "detach"),
)
"""Its keys that are options of `hydra-vertex tune` only; BUCKET is `--root` there."""
KEYS_WITHOUT_EFFECT: Mapping[str, str] = {
    "_target_": "the tuning service selects the values",
    "_recursive_": "the tuning service selects the values",
    **{name: f"the option --{name.replace('_', '-')} sets it" for name in (*SWEEPER_OPTIONS, *VERTEX_OPTIONS)},
    BUCKET: "the option --root sets it",
    "max_batch_size": "--parallel sets how many trials run at once",
    "max_failure_rate": "--max-failed-trials sets how many trials may fail",
    "storage": "the tuning service keeps the study",
}
REFUSED_KEYS: Mapping[str, str] = {
    "custom_search_space": "it is a Python function, which only hydra-optuna-sweeper calls; write its parameters in "
    "hydra.sweeper.params",
}


def section_overrides(hydra: JsonObject, source: str) -> Iterator[str]:
    """Yield the overrides for what the file says of Hydra itself, such as `++hydra.job.chdir=true`.

    Raises SearchSpaceError for a key that Hydra does not have, or does not accept there.
    """
    for name, value in hydra.items():
        if name == SWEEPER or name in SECTIONS_WITHOUT_EFFECT:
            continue
        if name in REFUSED_SECTIONS:
            raise SearchSpaceError(f"{source}: hydra.{name}: {REFUSED_SECTIONS[name]}")
        if name not in _SECTIONS:
            raise SearchSpaceError(
                f"{source}: hydra.{excerpt(name)} is not a key of Hydra{suggest(name, sorted(_SECTIONS))}"
            )
        yield from value_overrides({name: value}, source, f"{HYDRA}.")


def check_sweeper_keys(sweeper: JsonObject, source: str) -> None:
    """Raises SearchSpaceError for a key of `hydra.sweeper` that is refused, or that no sweeper has."""
    for name, value in sweeper.items():
        if name in REFUSED_KEYS:
            if value is not None:
                raise SearchSpaceError(f"{source}: hydra.sweeper.{name}: {REFUSED_KEYS[name]}")
        elif name not in UNDERSTOOD and name not in KEYS_WITHOUT_EFFECT:
            known = sorted(UNDERSTOOD | CONVERTED | KEYS_WITHOUT_EFFECT.keys())
            raise SearchSpaceError(
                f"{source}: hydra.sweeper.{excerpt(name)} is not a key of a sweeper{suggest(name, known)}"
            )


def notices_of(hydra: JsonObject, sweeper: JsonObject) -> Iterator[str]:
    """Yield a notice for each key that has no effect on trials, with the reason."""
    for name, why in SECTIONS_WITHOUT_EFFECT.items():
        if name in hydra:
            yield f"hydra.{name} has no effect, because {why}"
    for name, why in KEYS_WITHOUT_EFFECT.items():
        if sweeper.get(name) is not None:
            yield f"hydra.sweeper.{name} has no effect, because {why}"
