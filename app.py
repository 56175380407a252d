"""The registry's entry point: the command line; ``serve`` builds the application and runs it."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said here, before an import fails without a word
    sys.exit("The registry needs Python 3.11 or newer; this is " + sys.version.split()[0])

try:
    from registry.cli.main import make_command_line
    from registry.wiring import faces
except ModuleNotFoundError as error:
    sys.exit(
        f"The package '{error.name}' is missing; 'make install' installs everything into .venv, "
        "then use '.venv/bin/python app.py'"
    )

main = make_command_line(faces())

if __name__ == "__main__":
    main()
