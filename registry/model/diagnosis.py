"""What a self-test says: one line for each thing that it looked at, with what helps."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

_SHOWN: Final = 200
"""Characters of other people's texts that a line shows."""


class Verdict(enum.Enum):
    """How something is."""

    OK = "ok"
    WARN = "warn"
    """It works, and could be better or is not known."""
    FAIL = "fail"
    """Clients will run into it."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of a self-test."""

    check: str
    """A word for programs: what was looked at."""
    verdict: Verdict
    what: str
    remedy: str = ""

    def line(self) -> str:
        """Return the line for people."""
        text = f"{self.verdict.value:<4}  {self.what}"
        return f"{text} — {self.remedy}" if self.remedy else text

    def document(self) -> dict[str, str]:
        """Return the line for programs."""
        return {
            "check": self.check,
            "verdict": self.verdict.value,
            "what": self.what,
            "remedy": self.remedy,
        }


def fine(check: str, what: str) -> Diagnosis:
    """Return the line for something that is as it should be."""
    return Diagnosis(check, Verdict.OK, what)


def warn(check: str, what: str, remedy: str) -> Diagnosis:
    """Return the line for something that works, and could be better."""
    return Diagnosis(check, Verdict.WARN, what, remedy)


def fail(check: str, what: str, remedy: str) -> Diagnosis:
    """Return the line for something that does not work."""
    return Diagnosis(check, Verdict.FAIL, what, remedy)


def shown(text: str) -> str:
    """Return a text that came from outside such that it stays short and on its line."""
    harmless = "".join(c if c.isprintable() else "·" for c in text[:_SHOWN])
    return harmless if len(text) <= _SHOWN else harmless + "…"
