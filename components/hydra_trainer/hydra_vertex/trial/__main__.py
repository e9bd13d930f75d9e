"""Runs `hydra-trial` as `python -m hydra_vertex.trial`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
