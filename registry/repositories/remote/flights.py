"""Asking once for all who want to know the same: a flight that others board."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from registry.model.errors import RegistryError, StorageFailed
from registry.model.via import current_way, on_way
from registry.model.waiting import awaited
from registry.repositories.remote.crew import Crew

logger = logging.getLogger(__name__)

_DEPTH: Final = 2
"""Registries on the way of a request up to which each has threads of its own: a ring of three."""

Value = TypeVar("Value")


class Flight(Generic[Value]):
    """What one thread finds out and others wait for; a `registry.model.waiting.Task`."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._value: Value | None = None
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether it has landed."""
        return self._over.is_set()

    def wait(self) -> None:
        """Return when it has landed."""
        self._over.wait()

    def when_done(self, listener: Callable[[], None]) -> None:
        """Let ``listener`` be called once when it has landed; at once if it has."""
        with self._lock:
            if not self.done:
                self._listeners.append(listener)
                return
        listener()

    def land(self, value: Value) -> None:
        """End with a value; only the first end counts."""
        self._end(value, None)

    def fail(self, error: BaseException) -> None:
        """End with an error."""
        self._end(None, error)

    def _end(self, value: Value | None, error: BaseException | None) -> None:
        with self._lock:
            if self.done:
                return
            self._value, self._error = value, error
            self._over.set()
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def result(self) -> Value:
        """Return the value of a flight that has landed, or raise its error."""
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value  # type: ignore[return-value] # it has landed, and without an error


class Flights:
    """The flights of one remote repository in this process.

    Requests that have come through other registries share flights only with those that have come
    the same way, and have threads of their own. Otherwise registries that are each other's upstream
    could wait for each other: each with a request of the other in a flight, or behind flights, that
    wait for the other's answer.
    """

    def __init__(self, name: str, most: int) -> None:
        """Have at most ``most`` threads for requests of clients, and half as many for others."""
        others = (Crew(f"{name} for others", max(1, most // 2)) for _ in range(_DEPTH))
        self._crews = (Crew(name, most), *others)
        self._lock = threading.Lock()
        self._flying: dict[Hashable, Flight[object]] = {}

    def result(self, name: Hashable, job: Callable[[], Value]) -> Value:
        """Return what ``job`` returns, which is done once for all who ask meanwhile.

        Raises what it raises, and `registry.model.waiting.AnswerAwaited`.
        """

        def fly(flight: Flight[Value]) -> None:
            flight.land(job())

        return self.ride(name, fly)

    def ride(self, name: Hashable, job: Callable[[Flight[Value]], None]) -> Value:
        """Do the same with a job that lands its flight itself, and may go on after that."""
        return awaited((id(self), name), lambda: self._board(name, job)).result()

    def start(self, name: Hashable, job: Callable[[Flight[Value]], None]) -> None:
        """Do a job that nobody waits for, unless one of that name is being done."""
        self._board(name, job)

    def _board(self, name: Hashable, job: Callable[[Flight[Value]], None]) -> Flight[Value]:
        way = current_way()
        name = (way.registries, name)
        with self._lock:
            flying = self._flying.get(name)
            if flying is not None:
                return flying  # type: ignore[return-value] # the same name, the same kind of job
            flight = Flight[Value]()
            self._flying[name] = flight  # type: ignore[assignment]

        def landed() -> None:
            with self._lock:
                del self._flying[name]

        def fly() -> None:
            try:
                with on_way(way):
                    job(flight)
            except (RegistryError, OSError) as error:
                flight.fail(error)
            except Exception as error:
                logger.exception("an upstream was asked in vain")
                flight.fail(error)
            finally:
                flight.fail(StorageFailed("nobody has answered"))

        flight.when_done(landed)
        self._crews[min(len(way.registries), _DEPTH)].run(fly)
        return flight
