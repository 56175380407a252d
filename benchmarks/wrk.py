"""Running the load generator wrk and reading what it prints."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.errors import MeasurementFailed

THREADS = 2
CONNECTIONS = 16
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


@dataclass(frozen=True)
class Load:
    """Answers a second, and the time in milliseconds that 99 of 100 answers stayed below."""

    per_second: float
    p99_ms: float


def run(url: str, headers: Mapping[str, str], seconds: int) -> Load:
    """GET ``url`` over and over with 16 connections for ``seconds``; every answer must be 2xx."""
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    text = done.stdout
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: (.*)", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    slow = re.search(r"\s99%\s+([\d.]+)(us|ms|s|m)\b", text)
    if refused or broken or rate is None or slow is None:
        reason = refused or broken
        detail = reason.group(0) if reason else (done.stderr or text).strip()
        raise MeasurementFailed(f"wrk on {url}: {detail}")
    return Load(float(rate.group(1)), float(slow.group(1)) * _MILLISECONDS[slow.group(2)])
