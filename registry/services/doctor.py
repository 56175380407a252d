"""The self-test: what the host of the server is like, and what a client meets on its way to it.

From outside it behaves like a docker client, and takes away again what it has pushed. Its lines
come one after the other, so that whoever waits sees how far it is.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from registry.access.keys import SigningKeys
from registry.access.users import Users
from registry.config import Config
from registry.model.diagnosis import Diagnosis, fail, fine, warn
from registry.model.names import ImageName, RepositoryKey
from registry.services import doctor_belief as belief
from registry.services import doctor_front as front
from registry.services import doctor_pulls as pulls
from registry.services import doctor_uploads as uploads
from registry.services.doctor_local import LocalDoctor
from registry.services.doctor_login import Login, enter, make_token
from registry.services.doctor_visit import CONFIGURE, Check, Unexpected, Visit
from registry.services.doctor_wire import Broken, Wire, parse_url
from registry.storage.store import Store


@dataclass(frozen=True, slots=True)
class Options:
    """How the way from outside is tested."""

    url: str
    authorities: str | None = None
    """A file with certificates of authorities that are believed, too."""
    login: Login | None = None
    """Who pushes; None: a token is made from the signing keys of the storage folder."""
    repository: str = "docker-local"
    size: int = 64 << 20
    pause: float = 2.0
    patience: float = 5.0
    http_port: int | None = None


class Doctor:
    """Tests one registry."""

    def __init__(self, config: Config, store: Store, users: Users, keys: SigningKeys) -> None:
        self._config = config
        self._store = store
        self._users = users
        self._keys = keys

    def look_here(self) -> Iterator[Diagnosis]:
        """Yield what there is to say about the host of the server."""
        return LocalDoctor(self._config, self._store, self._users).run()

    def look_from_outside(self, options: Options) -> Iterator[Diagnosis]:
        """Yield what there is to say about the way from an address to the server.

        Raises:
            SettingInvalid, RepositoryKeyInvalid: the options make no sense; nothing is done.
        """
        key = RepositoryKey.parse(options.repository)
        visit = Visit(
            Wire(parse_url(options.url), options.authorities),
            key,
            ImageName(f"{key}/doctor-{secrets.token_hex(8)}"),
            options.size,
            options.pause,
            options.patience,
        )
        return self._visit(visit, options)

    def _visit(self, visit: Visit, options: Options) -> Iterator[Diagnosis]:
        try:
            first = list(front.reach(visit))
        except Broken as error:
            first = [front.cannot_reach(visit, error)]
        yield from first
        if first[-1].remedy:
            return
        yield from _run("login", lambda visit: self._enter(visit, options.login), visit)
        for name, check in (
            ("challenge", front.challenge),
            ("version", front.version),
            ("header", front.head),
            ("plain", lambda visit: front.plain(visit, options.http_port)),
        ):
            yield from _run(name, check, visit)
        if visit.bearer:
            yield from self._inside(visit)

    def _enter(self, visit: Visit, login: Login | None) -> Iterator[Diagnosis]:
        """Log in, or make a token of the signing keys that lie here."""
        if login is not None:
            yield from enter(visit, login)
        else:
            yield from make_token(visit, self._store, self._users, self._keys)

    @staticmethod
    def _inside(visit: Visit) -> Iterator[Diagnosis]:
        """Push and pull; what was pushed is taken away, whatever happens."""
        try:
            for name, check in _PUSHES:
                yield from _run(name, check, visit)
            for name, check in _PULLS if visit.blob is not None else ():
                yield from _run(name, check, visit)
            yield from _run("spoofing", belief.lies, visit)
            yield from _run("address", belief.address, visit)
        finally:
            cleaned = _clean(visit)
        yield cleaned


_PUSHES: Final[Sequence[tuple[str, Check]]] = (
    ("size", uploads.announced),
    ("buffering", uploads.streamed),
    ("upload", uploads.large),
)
_PULLS: Final[Sequence[tuple[str, Check]]] = (
    ("pull", pulls.whole),
    ("range", pulls.ranges),
    ("path", pulls.paths),
)


def _run(name: str, check: Check, visit: Visit) -> Iterator[Diagnosis]:
    """Yield what a check says; where it comes to no end, that is what is said."""
    try:
        yield from check(visit)
    except Broken as error:
        yield fail(name, f"{name}: {error}", CONFIGURE)
    except Unexpected as error:
        yield fail(name, str(error), error.remedy)


def _clean(visit: Visit) -> Diagnosis:
    """Take away what was pushed."""
    left = [path for path in visit.uploads if not _is_gone(visit, path)]
    if visit.blob is not None and not _is_gone(visit, visit.blob_path):
        left.append(visit.blob_path)
    if left:
        return warn(
            "cleaning",
            f"what was pushed for this is still there: {', '.join(left)}",
            "let the proxy pass DELETE on; what is left does no harm",
        )
    return fine("cleaning", "what was pushed for this is deleted; pruning frees its bytes")


def _is_gone(visit: Visit, path: str) -> bool:
    """Delete something; return whether it is not there any more."""
    with contextlib.suppress(Broken):
        visit.ask("DELETE", path)
        return visit.ask("GET", path, pulls.PART).status == 404
    return False
