"""`python -m producer`."""

import sys

from producer.main import main
from runtime.standard_streams import run

if __name__ == "__main__":
    sys.exit(run(main))
