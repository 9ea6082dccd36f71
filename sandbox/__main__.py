"""`python -m sandbox`."""

import sys

from runtime.standard_streams import run
from sandbox.server import main

if __name__ == "__main__":
    sys.exit(run(main))
