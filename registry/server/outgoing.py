"""What leaves by a connection: bytes at once, files by the kernel, and what still has to come."""

from __future__ import annotations

import os
import time
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel

from registry.server.files import FileRange
from registry.server.growing import is_broken, is_starved


class Outgoing(HTTPChannel):
    """The sending half of a connection to a client."""

    # Attributes of waitress's class, named here because it has no types.
    will_close: bool

    def write_soon(self, data: Any) -> int:
        """Send bytes at once as far as the socket takes them; what is left goes to the loop."""
        if not isinstance(data, bytes) or not data or self.total_outbufs_len:
            return int(super().write_soon(data))
        with self.outbuf_lock:
            if not self.connected:
                raise ClientDisconnected
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.will_close = True
                self.server.pull_trigger()
                raise ClientDisconnected from None
        self.last_activity = time.time()
        if sent < len(data):
            super().write_soon(data[sent:])
        return len(data)

    def send(self, data: Any, do_close: bool = True) -> int:
        """Send bytes, or a range of a file without copying it through this process."""
        if not isinstance(data, FileRange):
            return int(super().send(data, do_close=do_close))
        if data.length == 0:
            # It has not come yet; if it never will, the client must not take the rest for whole.
            self.will_close = self.will_close or is_broken(self.outbufs[0])
            return 0
        try:
            sent = os.sendfile(self.socket.fileno(), data.descriptor, data.offset, data.length)
        except BlockingIOError:
            return 0
        except OSError:
            if do_close:
                self.handle_close()
                return 0
            raise
        if sent == 0:
            # The file ended before the promised length: the client must not take it for whole.
            raise OSError("a file became shorter while it was being sent")
        return sent

    def writable(self) -> bool:
        """Return whether the loop should write; not while what is to be sent is to come yet."""
        wants = bool(super().writable())
        return wants and (self.will_close or not is_starved(self.outbufs[0]))
