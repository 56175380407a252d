"""Somebody at a terminal: commands run on one, and questions for a password are answered."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

_SECONDS = 240
_QUESTION = re.compile(r"(?:[Pp]assword|Repeat for confirmation): *$")


def at_a_terminal(command: Sequence[str], environment: Mapping[str, str], password: str) -> str:
    """Run a command on a terminal of its own, assert that it worked, and return what was said."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        said = _talk(ours, f"{password}\n".encode())
        code = process.wait(_SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert code == 0, f"{command} exited {code}:\n{said}"
    return said


def _talk(terminal: int, answer: bytes) -> str:
    """Read to the end; whenever the last line is a question, answer it."""
    said = ""
    deadline = time.monotonic() + _SECONDS
    while True:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([terminal], [], [], max(0.0, left))
        assert ready, f"nothing more was said, and it did not end:\n{said}"
        part = b""
        # A terminal that nobody has open at the other end is an error to read from.
        with contextlib.suppress(OSError):
            part = os.read(terminal, 65536)
        if not part:
            return said
        said += part.decode(errors="replace").replace("\r\n", "\n")
        if _QUESTION.search(said):
            os.write(terminal, answer)
            # The question must not be found again when something else is said.
            said += "(answered)\n"
