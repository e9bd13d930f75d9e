"""`python -m hydra_vertex.trial`: the same as `hydra-trial`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
