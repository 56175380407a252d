"""The matrix at work: a server, nginx before it, and what an answer has to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from registry.config import Config
from registry.wiring import build
from tests.proxy.backend import SocketServer, short_folder
from tests.security.matrix_cases import TOKEN, UPLOAD, Case, absent_names, cases_of
from tests.security.matrix_expected import EXPECTED, NAMED, OPEN_STATUSES, Outcome
from tests.security.matrix_rows import Kind
from tests.security.matrix_wire import HOST, Answer, Way
from tests.security.matrix_world import Caller, World
from tests.support.nginx import Nginx, free_port
from tests.support.tools import require_tool

WAYS = ("direct", "nginx")
_ERRORS = {Outcome.WHO: "invalid_token", Outcome.LESS: "insufficient_scope"}
"""What the challenge says to whoever has come with a token."""
_STRICT = (
    *(Kind.HERE, Kind.OWN, Kind.MANAGED, Kind.TARGET, Kind.CHANGE, Kind.EMPTY, Kind.PROFILE),
    *(Kind.LOGIN, Kind.PULL, Kind.PUSH, Kind.MOVE, Kind.ANNOTATE, Kind.DELETE),
)
"""Kinds of which each request of somebody who may succeeds; for others it is enough to be let in,
since the folder would not be of use after all that an admin can do."""


@dataclass
class Matrix:
    """A world, the requests to it, and the ways that they can go."""

    world: World
    cases: Sequence[Case]
    ways: dict[str, Way]
    storage: Path
    _public: dict[str, int] = field(default_factory=dict)

    def of(self, caller: Caller, *outcomes: Outcome) -> list[Case]:
        """The cases that have one of the outcomes for a caller."""
        return [case for case in self.cases if EXPECTED[case.kind, caller.column] in outcomes]

    def ask(self, way: str, case: Case, caller: Caller, form: str = "given") -> Answer:
        """Send a request."""
        case = case.filled({UPLOAD: self.world.upload, TOKEN: self.world.token})
        headers = {**case.headers, **caller.headers}
        return self.ways[way].ask(case.method, case.path, headers, case.body, form)

    def ask_absent(self, way: str, case: Case, caller: Caller, form: str = "given") -> Answer:
        """Send the same request about what is not there; the answer is as if that were there."""
        case = case.filled({TOKEN: self.world.token})
        names = absent_names(self.world.token)
        answer = self.ask(way, case.filled(names), caller, form)
        return answer.about({other: name for name, other in names.items()})

    # --- judging -------------------------------------------------------------------------------

    def complaint(self, way: str, case: Case, caller: Caller) -> str:
        """Send a request; return what is wrong with the answer, or nothing."""
        answer, outcome = self.ask(way, case, caller), EXPECTED[case.kind, caller.column]
        wrong = {
            Outcome.YES: self._not_let_in,
            Outcome.WHO: self._not_challenged,
            Outcome.LESS: self._not_challenged,
            Outcome.NO: self._not_refused,
            Outcome.UNKNOWN: self._not_unknown,
            Outcome.SAME: self._not_the_same,
        }[outcome](way, case, caller, answer)
        return f"{caller.name}, {way}: {case}: {wrong}: {_shown(answer)}" if wrong else ""

    def _not_let_in(self, way: str, case: Case, caller: Caller, answer: Answer) -> str:
        if answer.status in (401, 403) or answer.status >= 500:
            return "not let in"
        succeeds = answer.status < 400 or answer.status == OPEN_STATUSES.get(case.row)
        return "" if succeeds or case.kind not in _STRICT else "let in, without success"

    def _not_challenged(self, way: str, case: Case, caller: Caller, answer: Answer) -> str:
        if answer.status != 401:
            return "not asked for credentials"
        challenge = answer.header("WWW-Authenticate")
        if not case.route.docker:
            return "" if challenge == 'Basic realm="Artifactory Realm"' else "a wrong challenge"
        error = _ERRORS[EXPECTED[case.kind, caller.column]] if caller.bears else ""
        good = (
            challenge.startswith(f'Bearer realm="http://{HOST}/')
            and (f'error="{error}"' in challenge if error else "error=" not in challenge)
            and (not case.route.image or 'scope="repository:' in challenge)
        )
        if not good:
            return f"a wrong challenge, {challenge}"
        if caller.column == "anonymous" and answer != self.ask_absent(way, case, caller):
            return "what is there can be told from what is not"
        return ""

    def _not_refused(self, way: str, case: Case, caller: Caller, answer: Answer) -> str:
        if answer.status != 403:
            return "not refused"
        named = NAMED.get(case.kind, ("",))
        told = case.method == "HEAD" or any(text.encode() in answer.body for text in named)
        return "" if told else "the right that is missing is not named"

    def _not_unknown(self, way: str, case: Case, caller: Caller, answer: Answer) -> str:
        if answer.status not in (400, 404):
            return "not unknown"
        absent = self.ask_absent(way, case, caller)
        return "" if answer == absent else f"not like what is not there, {_shown(absent)}"

    def _not_the_same(self, way: str, case: Case, caller: Caller, answer: Answer) -> str:
        if str(case) not in self._public:
            self._public[str(case)] = self.ask(way, case, self.world.callers["anonymous"]).status
        known = self._public[str(case)]
        return "" if answer.status == known < 500 else f"others get {known}"


def _shown(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}"


@contextmanager
def running_matrix() -> Iterator[Matrix]:
    """Run a server on a folder with everything in it, and nginx as the registry writes it."""
    require_tool("nginx")
    with short_folder() as folder:
        server = SocketServer(folder, workers=2)
        instance = build(Config(storage_root=str(server.storage)))
        world = World(instance)
        port = free_port()
        with server:
            text = server.run(
                "reverse-proxy", "nginx", "--server-name", HOST, "--http-port", str(port)
            )
            ways = {"direct": Way(server.socket), "nginx": Way(port)}
            with Nginx(folder / "nginx", text):
                yield Matrix(world, cases_of(world.client.app), ways, server.storage)
                for way in ways.values():
                    way.close()
        instance.store.journal.close()
        instance.store.pulls.close()
