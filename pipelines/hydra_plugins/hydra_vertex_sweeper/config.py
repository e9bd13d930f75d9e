"""The config `hydra/sweeper: vertex`, and the samplers that hydra-optuna-sweeper has.

Hydra executes this module before it is in `sys.modules`, where dataclasses would look for annotations that are text.

The names of the first part are those of hydra-optuna-sweeper, with its defaults. Those of the second part are the
options of `hydra-vertex run`, and those of the third part further options of `hydra-vertex tune`, for a study on Vertex
AI. Source: https://hydra.cc/docs/plugins/optuna_sweeper/.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

_GROUP = "hydra/sweeper"
_SAMPLERS = f"{_GROUP}/sampler"
_PROVIDER = "hydra-vertex"
_OF_OPTUNA = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "grid": "GridSampler",
    "cmaes": "CmaEsSampler",
    "nsgaii": "NSGAIISampler",
    "motpe": "MOTPESampler",
}


@dataclass
class VertexSweeperConf:
    """The keys of `hydra.sweeper`. None means not given."""

    _target_: str = "hydra_plugins.hydra_vertex_sweeper.vertex_sweeper.VertexSweeper"
    # The sampler is not instantiated: its class is the name of an algorithm.
    _recursive_: bool = False
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "bayesian"}])

    sampler: Any = MISSING
    direction: Any = "minimize"
    storage: Any = None
    study_name: Any = None
    n_trials: int = 20
    n_jobs: int = 2
    max_failure_rate: float = 0.0
    search_space: dict[str, Any] | None = None
    params: dict[str, Any] | None = None
    custom_search_space: Any = None
    optimized_metric: Any = None

    early_stopping: Any = None
    monitor: Any = None
    trial_timeout: Any = None
    seed: Any = None
    on_unsuccessful_job: Any = None
    no_check: Any = None
    no_baseline: Any = None
    start_from: Any = None
    confirm: Any = None
    repeats: Any = None
    seed_key: Any = None
    first_seed: Any = None
    retrain: Any = None
    warm_start: Any = None
    prefer: Any = None
    trials_per_gpu: Any = None
    gpus_per_trial: Any = None
    gpu_memory_per_trial: Any = None
    trial_memory: Any = None
    trial_nice: Any = None
    engine: Any = None
    engine_config: Any = None
    engine_set: Any = None
    image: Any = None
    trial_machine_type: Any = None
    trial_accelerator: Any = None
    trial_accelerator_count: Any = None
    worker_pool_spec: Any = None
    trial_duration: Any = None
    hourly_price: Any = None
    provisioning: Any = None
    max_cost: Any = None
    max_worker_hours: Any = None
    page: Any = None
    no_page: Any = None
    open: Any = None

    endpoint: Any = None
    project: Any = None
    location: Any = None
    bucket: Any = None
    trial_disk: Any = None
    strategy: Any = None
    max_wait: Any = None
    restart: Any = None
    persistent_resource: Any = None
    service_account: Any = None
    trial_service_account: Any = None
    network: Any = None
    reserved_ip_range: Any = None
    network_attachment: Any = None
    encryption_key: Any = None
    label: Any = None
    tensorboard: Any = None
    log_experiment: Any = None
    no_machine_check: Any = None
    detach: Any = None


def _store_samplers(store: ConfigStore) -> None:
    """Add the samplers, but none in the place of one that hydra-optuna-sweeper has added."""
    store.store(group=_SAMPLERS, name="bayesian", node={"seed": None}, provider=_PROVIDER)
    present = set(store.list(_SAMPLERS))
    for name, sampler in _OF_OPTUNA.items():
        if f"{name}.yaml" not in present:
            node = {"_target_": f"optuna.samplers.{sampler}", "seed": None}
            store.store(group=_SAMPLERS, name=name, node=node, provider=_PROVIDER)


ConfigStore.instance().store(group=_GROUP, name="vertex", node=VertexSweeperConf, provider=_PROVIDER)
_store_samplers(ConfigStore.instance())
