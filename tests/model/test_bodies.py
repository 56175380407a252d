from __future__ import annotations

import pytest

from registry.model.bodies import BodySink, BodyWanted, MemorySink, ReceivedBody
from registry.model.errors import BodyTooLarge, StorageFull


class FullSink:
    """Takes two writes, then has no more room."""

    def __init__(self) -> None:
        self.room = 2

    def write(self, data: bytes, /) -> None:
        self.room -= 1
        if self.room < 0:
            raise StorageFull("full")

    def undo(self) -> None:
        raise AssertionError("who receives does not undo")

    def close(self) -> None:
        raise AssertionError("who receives does not close")


def test_memory_takes_exactly_its_limit() -> None:
    sink = MemorySink(5)
    sink.write(b"abc")
    sink.write(b"de")
    sink.write(b"")
    assert sink.getvalue() == b"abcde"
    with pytest.raises(BodyTooLarge, match="5 bytes"):
        sink.write(b"f")
    assert sink.getvalue() == b"abcde"


def test_memory_can_be_used_again_after_undo() -> None:
    sink = MemorySink(3)
    sink.write(b"abc")
    sink.undo()
    assert sink.getvalue() == b""
    sink.write(b"xyz")
    sink.close()
    assert sink.getvalue() == b"xyz"


def test_a_received_body_ends_at_the_first_failure() -> None:
    body = ReceivedBody(FullSink(), "somebody")
    assert [body.write(b"x"), body.write(b"x")] == [True, True]
    before = body.failure
    assert before is None
    assert not body.write(b"x")
    assert isinstance(body.failure, StorageFull)
    assert body.admitted == "somebody"


def test_a_wanted_body_passes_every_handler_of_errors() -> None:
    sink: BodySink = MemorySink(1)
    wanted = BodyWanted(sink, "somebody")
    assert not isinstance(wanted, Exception)
    assert (wanted.sink, wanted.admitted) == (sink, "somebody")
