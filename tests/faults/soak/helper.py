"""A process that does what an admin does from a shell: by the services, beside the server.

``python -m tests.faults.soak.helper SETTINGS`` reads one command a line, and answers each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry import config
from registry.cli.common import ACTOR
from registry.model.errors import RegistryError
from registry.model.names import RepositoryKey
from registry.model.targets import parse_tag_target, parse_target
from registry.services.instance import Instance
from registry.services.scrubbing import ScrubOptions
from registry.storage.journal import now
from registry.wiring import build
from tests.faults.soak.figures import FIELDS
from tests.support.live import ROOT


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command, and between which moments it was done."""

    error: str | None
    """The class of the error, or None."""
    message: str
    sent: float
    at: float
    found: Any = None
    """What a check has found."""


class Helper:
    """The process, as clients see it: one command after the other."""

    def __init__(self, settings: Path, log: Path) -> None:
        self._lock = threading.Lock()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.soak.helper", str(settings)],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip

    def ask(self, command: str, name: str, **options: Any) -> Outcome:
        """Do a command, and return what came of it."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with self._lock:
            sent = time.monotonic()
            process.stdin.write(json.dumps([command, name, options]) + "\n")
            process.stdin.flush()
            error, message, found = json.loads(process.stdout.readline())
        return Outcome(error, message, sent, time.monotonic(), found)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def perform(instance: Instance, command: str, name: str, options: dict[str, Any]) -> Any:
    """Do one command; return what a check has found."""
    key = RepositoryKey(name)
    if command == "restore":
        instance.trashcan.restore(parse_target(name), ACTOR, **options)
    elif command == "revert":
        instance.history.revert(*parse_tag_target(name), options["to"], ACTOR, now())
    elif command == "delete":
        instance.definitions.delete(key, ACTOR)
    elif command == "create":
        instance.definitions.create(key, "local", {**FIELDS, **options})
    elif command == "fsck":
        return [finding.document() for finding in instance.checking.run()]
    elif command == "scrub":
        report = instance.scrubbing.run(ScrubOptions(restart=True))
        return None if report.is_clean and report.complete else report.document()
    else:
        raise ValueError(command)
    return None


def answer(instance: Instance, line: str) -> list[Any]:
    """Do the command of a line; return how it failed, what is to be said, what was found."""
    try:
        return [None, "", perform(instance, *json.loads(line))]
    except RegistryError as error:
        return [type(error).__name__, error.message, None]
    except Exception:
        return ["a defect", traceback.format_exc(), None]


def main() -> None:
    instance = build(config.load(sys.argv[1], os.environ, {}))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(instance, line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
