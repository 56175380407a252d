"""Child processes that do one thing and end, at the latest with their parent."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from typing import TypeVar, cast

from tests.faults.power import mounts

Result = TypeVar("Result")

FAILED = 70


def fork(action: Callable[[], object]) -> int:
    """Do something in a child process and return the child's id; it is killed if this one ends."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = FAILED
    try:
        mounts.end_with_parent()
        if os.getppid() == parent:
            action()
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def wait_for(child: int, name: str) -> None:
    """Wait for a child that ends by itself."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        raise RuntimeError(f"the {name} ended with {code}")


def in_child(action: Callable[[], Result]) -> Result:
    """Return what ``action`` returns in a child process, or raise RuntimeError with its traceback.

    Whatever ends the wait ends the child.
    """
    reading, writing = os.pipe()

    def send() -> None:
        os.close(reading)
        try:
            answer: tuple[bool, object] = (True, action())
        except Exception:
            answer = (False, traceback.format_exc())
        with open(writing, "wb") as pipe:
            pickle.dump(answer, pipe)

    child = fork(send)
    try:
        os.close(writing)
        with open(reading, "rb") as pipe:
            data = pipe.read()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not data:
        raise RuntimeError("the child ended without an answer")
    done, answer = pickle.loads(data)
    if not done:
        raise RuntimeError(f"the child failed\n{answer}")
    return cast(Result, answer)
