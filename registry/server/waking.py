"""Between a channel and its server: what makes the loop wake up, and what a thread is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.server.channel import Channel


class Question:
    """The work of asking the application where a body goes; a task for a worker thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def service(self) -> None:
        """Ask."""
        self._channel.ask()

    def cancel(self) -> None:
        """Give up, because the server ends."""
        self._channel.cancel()


class Waker:
    """The server, as one channel sees it: the loop is woken only when this channel needs it.

    waitress wakes its loop after every request, so that it reads from the connection again. Our
    channels are read from all the time, and most answers leave at once; so the loop sleeps on,
    which saves a system call and a round of the loop for each request.
    """

    def __init__(self, server: Any, channel: Channel) -> None:
        self._server = server
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def pull_trigger(self) -> None:
        """Wake the loop if there is something for it to do."""
        if self._channel.needs_loop:
            self._server.pull_trigger()

    def wake(self) -> None:
        """Wake the loop in any case, because the channel can be read from again."""
        self._server.pull_trigger()
