"""Downloads that another process makes: their files are looked at while somebody wants them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from registry.repositories.remote.arrival import Arrival
from registry.storage.arrivals import Arrivals

_EVERY: Final = 0.02
"""Seconds between two looks at how far the bytes have come."""
_LEADERS: Final = 0.25
"""Seconds between two looks whether somebody still writes."""


@dataclass(slots=True)
class _Watched:
    arrival: Arrival
    has_come: Callable[[], bool]
    take_over: Callable[[], None]
    ended: Callable[[], None]
    looked: float = 0.0


class Watcher:
    """Watches downloads with one thread, as long as there are any."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._lock = threading.Lock()
        self._watched: list[_Watched] = []
        self._running = False

    def watch(
        self,
        arrival: Arrival,
        has_come: Callable[[], bool],
        take_over: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        """Watch one until it is over, and say then that it has ``ended``.

        ``has_come`` says whether the image has the blob; ``take_over`` is called where whoever
        wrote has gone, and from then on it is not watched any more.
        """
        with self._lock:
            self._watched.append(_Watched(arrival, has_come, take_over, ended))
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="watching downloads", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                watched = list(self._watched)
                if not watched:
                    self._running = False
                    return
            gone = [one for one in watched if not self._look(one)]
            with self._lock:
                self._watched = [one for one in self._watched if one not in gone]
            time.sleep(_EVERY)

    def _look(self, one: _Watched) -> bool:
        """Tell those who want the blob what has changed; return whether to go on watching."""
        arrival = one.arrival
        status = os.fstat(arrival.descriptor)
        arrival.advance(min(status.st_size, arrival.size))
        if status.st_size >= arrival.size or status.st_nlink == 0:
            if self._arrivals.is_verified(arrival.descriptor) or one.has_come():
                arrival.verify()
                one.ended()
                return False
            if status.st_nlink == 0:
                arrival.break_off()
                one.ended()
                return False
        if time.monotonic() - one.looked < _LEADERS:
            return True
        one.looked = time.monotonic()
        if self._arrivals.is_led(arrival.descriptor):
            return True
        # Whoever wrote may have ended well between the two looks; then it is found to have come.
        if os.fstat(arrival.descriptor).st_nlink > 0 and not one.has_come():
            one.take_over()
            return False
        return True
