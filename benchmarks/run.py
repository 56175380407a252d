"""Entry point of the benchmark: ``python -m benchmarks.run`` or ``python benchmarks/run.py``."""

import sys
from pathlib import Path

if not __package__:
    # Started as a script, Python knows this folder but not the one that holds the package.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.command import main

if __name__ == "__main__":
    sys.exit(main())
