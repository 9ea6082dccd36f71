"""`python -m producer`."""

import sys

from producer.main import main

if __name__ == "__main__":
    sys.exit(main())
