"""`python -m hydra_vertex.trial`: the same as `hydra-trial`."""

import sys

from hydra_vertex.trial.cli import main

if __name__ == "__main__":
    sys.exit(main())
