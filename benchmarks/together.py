"""Several client processes that start their work at the same moment."""

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from benchmarks.errors import MeasurementFailed

PATIENCE_SECONDS = 300
# Forked clients inherit what the parent prepared, which spares them an import and a pickle.
_FORK = multiprocessing.get_context("fork")

Outcome = tuple[float, float] | str
Preparation = Callable[[int], Callable[[], None]]


def seconds_together(clients: int, prepare: Preparation) -> float:
    """Seconds from the common start until the last of ``clients`` processes has finished.

    ``prepare(number)`` runs in each process before the clock starts and returns its work.
    """
    start = _FORK.Barrier(clients)
    outcomes: Queue[Outcome] = _FORK.Queue()
    processes = [
        _FORK.Process(target=_client, args=(number, prepare, start, outcomes), daemon=True)
        for number in range(clients)
    ]
    try:
        for process in processes:
            process.start()
        results = [outcomes.get(timeout=PATIENCE_SECONDS) for _ in processes]
    except queue.Empty as error:
        raise MeasurementFailed(f"clients did not end in {PATIENCE_SECONDS} s") from error
    finally:
        for process in processes:
            if process.pid is not None:
                process.join(1)
                process.kill()
                process.join()
    failures = [result for result in results if isinstance(result, str)]
    if failures:
        # A broken barrier is only the echo of another client's failure.
        raise MeasurementFailed(next((text for text in failures if text), "a client failed"))
    times = [result for result in results if not isinstance(result, str)]
    return max(end for _, end in times) - min(begin for begin, _ in times)


def _client(number: int, prepare: Preparation, start: Barrier, outcomes: "Queue[Outcome]") -> None:
    try:
        work = prepare(number)
        start.wait(PATIENCE_SECONDS)
        # The monotonic clock is one for all processes of the machine, so these can be compared.
        begin = time.monotonic()
        work()
        outcomes.put((begin, time.monotonic()))
    except threading.BrokenBarrierError:
        outcomes.put("")
    except Exception as error:
        start.abort()
        outcomes.put(f"client {number}: {error}")
