"""The app of the corpus: prints its config as one line of JSON per job."""

from __future__ import annotations

import json

import hydra
from omegaconf import DictConfig
from schema import store
from typed_json import typed

store()


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    print("CONFIG", json.dumps(typed(config), sort_keys=True), flush=True)
    return 0.5


if __name__ == "__main__":
    main()
