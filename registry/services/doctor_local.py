"""The doctor on the host of the server: the storage folder, its filesystem, settings and clock."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from registry.access.users import Users
from registry.config import UNIX_PEER, Config
from registry.model.diagnosis import Diagnosis, fail, fine, shown, warn
from registry.model.errors import RegistryError, StorageUnusable
from registry.services.doctor_wire import Broken, ask_here
from registry.storage import format as storage_format
from registry.storage import ordering, walk
from registry.storage.journal import now, parse_timestamp
from registry.storage.passes import Passes
from registry.storage.store import Store

FULL: Final = 0.01
SCARCE: Final = 0.10
"""Parts of a filesystem: so little free room is a failure, or worth a word."""
_PASSES: Final = 3
"""Intervals within which a pass must have ended."""
_LATE: Final = timedelta(hours=1)
"""A pass over a large folder takes its time."""


class LocalDoctor:
    """Looks at one storage folder and the settings of its server."""

    def __init__(self, config: Config, store: Store, users: Users) -> None:
        self._config = config
        self._store = store
        self._users = users

    def run(self) -> Iterator[Diagnosis]:
        """Yield what was found; without a storage folder there is nothing more to look at."""
        layout = self._store.layout
        try:
            walk.require_folder(layout)
            os.stat(layout.format_file())
        except (StorageUnusable, OSError):
            yield fail(
                "folder",
                f"'{layout.root}' is no storage folder",
                "name the right one by --storage, or make it by 'init'",
            )
            return
        checks: list[Callable[[], Iterator[Diagnosis]]] = [
            self._owner,
            self._links,
            self._order,
            self._room,
            self._admin,
            self._trust,
            self._server,
            self._passed,
            self._quarantine,
        ]
        for check in checks:
            try:
                yield from check()
            except (RegistryError, OSError, ValueError) as error:
                name = check.__name__.strip("_")
                yield fail(name, f"{name}: {shown(str(error))}", "'fsck' says what is damaged")

    # --- the folder ----------------------------------------------------------------------------

    def _owner(self) -> Iterator[Diagnosis]:
        try:
            walk.require_owner(self._store.layout)
        except StorageUnusable as error:
            what, _, remedy = error.message.partition("; ")
            yield warn("owner", what, remedy or "run this as the user that runs the server")

    def _links(self) -> Iterator[Diagnosis]:
        root = self._store.layout.root
        try:
            storage_format.probe(self._store.layout)
        except StorageUnusable as error:
            what, _, remedy = error.message.partition("; ")
            yield fail("links", what, remedy or "let it lie on ext4, xfs or btrfs")
        else:
            yield fine("links", f"'{root}' can be written and takes hard links")

    def _order(self) -> Iterator[Diagnosis]:
        if ordering.is_kept(self._store.layout.root):
            yield fine(
                "order",
                "the filesystem makes names durable in their order, so a push needs few syncs",
            )
        else:
            yield fine(
                "order",
                "the filesystem is not known to make names durable in their order, "
                "so each folder is synced: as safe, and slower to push to than ext4 with "
                "its journal, or xfs",
            )

    def _room(self) -> Iterator[Diagnosis]:
        status = os.statvfs(self._store.layout.root)
        free = status.f_bavail * status.f_frsize
        rooms = [("bytes", status.f_bavail, status.f_blocks, f"{free / 1e9:.1f} GB")]
        if status.f_files:
            rooms.append(("files", status.f_favail, status.f_files, f"{status.f_favail} names"))
        for name, left, total, text in rooms:
            part = left / total if total else 1.0
            what = f"{text} are free on the filesystem, {100 * part:.0f} %"
            remedy = "enlarge it, or free some: 'du' says what images cost, retention deletes them"
            if part < FULL:
                yield fail(name, what, remedy)
            elif part < SCARCE:
                yield warn(name, what, remedy)
            else:
                yield fine(name, what)

    def _quarantine(self) -> Iterator[Diagnosis]:
        damaged = len(self._store.quarantine.digests())
        if damaged:
            yield fail(
                "damage",
                f"{damaged} damaged contents are in quarantine",
                "'fsck' names the tags that need them; push each once again",
            )

    # --- settings and the server ---------------------------------------------------------------

    def _admin(self) -> Iterator[Diagnosis]:
        if not any(user.admin for user in self._users.all()):
            yield fail("admin", "there is no admin", "'user add NAME --admin' makes one")

    def _trust(self) -> Iterator[Diagnosis]:
        proxies = self._config.trusted_proxies
        everybody = [p for p in proxies if p != UNIX_PEER and not _network(p).prefixlen]
        if isinstance(self._config.address, str) and UNIX_PEER not in proxies:
            yield fail(
                "trust",
                "the server listens on a unix socket, and does not believe who connects there",
                'trusted_proxies = ["unix"] in the settings',
            )
        elif everybody:
            yield fail(
                "trust",
                f"everybody is believed ({', '.join(everybody)}), so any client can "
                "pass for another",
                "name the addresses of the proxies in trusted_proxies",
            )
        elif proxies:
            yield fine("trust", f"proxies are believed at {', '.join(proxies)}")
        else:
            yield fine("trust", "no proxy is believed; trusted_proxies has to name one if there is")

    def _server(self) -> Iterator[Diagnosis]:
        listen = self._config.listen
        remedy = "start it, or name its settings by --config"
        try:
            answer = ask_here(self._config.address, "/readyz")
        except Broken as error:
            yield warn("server", f"no server answers at {listen}: {error}", remedy)
            return
        if answer.status == 200:
            yield fine("server", f"the server answers at {listen} and can serve")
        else:
            yield fail("server", f"the server at {listen} says {answer}", "its log says why")

    def _passed(self) -> Iterator[Diagnosis]:
        interval = self._config.prune_interval
        record = Passes(self._store.layout, self._store.documents).read()
        last: dict[str, Any] = record.get("last") or {}
        finished = last.get("finished")
        if not interval:
            yield fine(
                "pruning",
                "the server does not prune by itself (prune_interval is 0); "
                f"the last pass ended {finished or 'never'}",
            )
            return
        if not finished:
            yield warn(
                "pruning",
                "no pruning pass has ended yet",
                "nothing has to be done in the "
                f"first {interval} s after the start of the server; later, read its log",
            )
            return
        since = now() - parse_timestamp(str(finished))
        if since > max(_PASSES * timedelta(seconds=interval), _LATE):
            yield warn(
                "pruning",
                f"the last pruning pass ended {finished}, which is too long ago",
                "start the server; if it runs, its log says why",
            )
        elif last.get("skipped") or last.get("failed"):
            reason = last.get("skipped") or f"{last['failed']} of its steps failed"
            yield warn(
                "pruning",
                f"the last pruning pass did not do all: {shown(str(reason))}",
                "the log of the server says more",
            )
        else:
            yield fine("pruning", f"the last pruning pass ended {finished}")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)
