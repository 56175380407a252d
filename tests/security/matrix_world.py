"""A storage folder with an image, and everybody who wants something of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.access import passwords
from registry.access.granting import Asked
from registry.access.groups import GroupFields
from registry.access.permission_targets import PermissionTarget, Section
from registry.access.policies import Locking
from registry.access.principals import Action, Principal
from registry.access.user_documents import UserFields
from registry.model.names import ImageName, RepositoryKey
from registry.model.paging import PageRequest
from registry.services.instance import Instance
from registry.services.setup import set_up
from registry.web.application import make_application
from tests.conftest import ADMIN_PASSWORD, Client, basic
from tests.http.matrix import FRONT
from tests.http.support import KEY, push_image, put_blob

FAR, SPARE = "docker-elsewhere", "spare-local"
"""The repository of the stranger, and one that an admin may delete."""
IMAGE, FAR_IMAGE, TAG = "team/app", "far/away", "1.0"
LAYER = b"of a layer that the proxy sends " * 2500
LOOSE = b"of a blob that no manifest names"
NOTE = "spare-target"
"""A permission target that gives nobody anything, over the repository of the matrix."""
SOMEBODY = "carol"
"""A user, and a group, that an admin may do anything to."""
PASSWORD = "password-of-everybody"
ABSENT = {KEY: "nobody-local", NOTE: "empty-target"}
"""Names that are there to such as are not, which have the same length."""
KINDS = {"remote": "docker-proxy", "virtual": "docker-whole", "cache": "proxy1-cache"}
"""Repositories of other kinds, which nobody has been given; their names are as long, too."""
RIGHTS = {
    "reader": ("read",),
    "annotator": ("read", "annotate"),
    "deployer": ("read", "write"),
    "deleter": ("read", "write", "delete"),
    "manager": ("read", "manage"),
}
_EVERYTHING = tuple(action.value for action in Action)
_YEAR = 365 * 86400


@dataclass(frozen=True)
class Caller:
    """Who asks, and as which column of the matrix."""

    name: str
    column: str
    headers: Mapping[str, str]

    @property
    def bears(self) -> bool:
        """Whether it comes with a token that is sent as such."""
        return self.headers.get("Authorization", "").startswith("Bearer ")


class World:
    """The folder, as the process of the tests sees it beside the server."""

    def __init__(self, instance: Instance) -> None:
        """Set up a new folder."""
        self.instance = instance
        with pytest.MonkeyPatch.context() as patch:
            # The cost stands in the hash, so the server is spared the usual one, too.
            patch.setattr(passwords, "_N", 2)
            set_up(instance, ADMIN_PASSWORD)
            self.client = Client(make_application(instance))
            self._populate()
        self.admin = instance.authentication.by_password("admin", ADMIN_PASSWORD)
        self.token = ""
        """The id of an access token of the admin's."""
        self.renew_token()
        self.callers = {caller.name: caller for caller in (*self._users(), *self._tokens())}
        self.refresh()
        self.upload = self.start_upload(self.admin)

    def _populate(self) -> None:
        instance = self.instance
        # That wrong credentials slow down the next ones has tests of its own.
        instance.secrets.policies.set_locking(Locking(enabled=False))
        for target in instance.permission_targets.all():
            instance.permission_targets.remove(target.name)
        instance.definitions.create(RepositoryKey(FAR), "local", {})
        for key in (KINDS["remote"], KINDS["cache"].removesuffix("-cache")):
            instance.definitions.create(RepositoryKey(key), "remote", {"url": "http://127.0.0.1:9"})
        instance.definitions.create(
            RepositoryKey(KINDS["virtual"]), "virtual", {"repositories": [KEY, KINDS["remote"]]}
        )
        for name in ("stranger", "neighbour", "disabled", *RIGHTS):
            instance.users.add(name, PASSWORD)
        self._allow("matrix", KEY, {**RIGHTS, "disabled": _EVERYTHING})
        self._allow("far", FAR, {"stranger": _EVERYTHING})
        self._allow("near", KEY, {"neighbour": _EVERYTHING}, "near/**")
        instance.web_server.save(FRONT)
        push_image(self.client, TAG, f"/v2/{FAR}/{FAR_IMAGE}")

    def _allow(
        self, name: str, key: str, users: Mapping[str, tuple[str, ...]], pattern: str = "**"
    ) -> None:
        target = PermissionTarget(name, {"repo": Section([key], [pattern], users=users)})
        self.instance.permission_targets.create(target)

    # --- callers -------------------------------------------------------------------------------

    def _users(self) -> list[Caller]:
        found = [Caller("anonymous", "anonymous", {})]
        for name in ("stranger", *RIGHTS):
            found.append(Caller(name, name, {"Authorization": basic(name, PASSWORD)}))
        found.append(Caller("admin", "admin", {"Authorization": basic("admin", ADMIN_PASSWORD)}))
        return found

    def _tokens(self) -> list[Caller]:
        """Tokens of the admin, who may do everything: only what they are keeps them from it."""
        far, near = f"{FAR}/{FAR_IMAGE}", f"{KEY}/{IMAGE}"
        everything, read = frozenset(Action), frozenset({Action.READ})
        expired = self._expired()
        pull = self._access_token(f"applied-permissions/images:{near}:pull")[0]
        elsewhere = self._access_token(f"applied-permissions/images:{far}:pull,push,delete")[0]
        return [
            _bearer("expired token", "bad", expired),
            _bearer("expired docker token", "bad", self._docker_token({near: everything}, -3600)),
            _bearer("revoked token", "bad", self._revoked()[0]),
            _bearer("revoked docker token", "bad", self._revoked()[1]),
            _bearer("disabled user", "bad", self._disabled()),
            _bearer(
                "docker token for another repository",
                "scoped-elsewhere",
                self._docker_token({far: everything}),
            ),
            _bearer("pull-only docker token", "scoped-pull", self._docker_token({near: read})),
            _bearer("token for another repository", "limited-elsewhere", elsewhere),
            _bearer("pull-only token", "limited-pull", pull),
            Caller(
                "pull-only token as password",
                "limited-pull",
                {"Authorization": basic("admin", pull)},
            ),
            Caller("pull-only token as key", "limited-pull", {"X-JFrog-Art-Api": pull}),
        ]

    def _access_token(self, scope: str = "", seconds: int = _YEAR) -> tuple[str, str]:
        asked = Asked(scope=scope, expires_in=seconds)
        issued = self.instance.secrets.access_tokens.issue(self.admin, asked, seconds, _YEAR)
        return issued.token, issued.record.id

    def _docker_token(self, access: Mapping[str, frozenset[Action]], seconds: int = _YEAR) -> str:
        credential = self.instance.users.get("admin").credential
        return self.instance.secrets.tokens.issue("admin", credential, access, seconds)

    def _expired(self) -> str:
        moment = time.time() - 7200
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda: moment)
            return self._access_token("applied-permissions/admin", 3600)[0]

    def _revoked(self) -> tuple[str, str]:
        """Return an access token that was good, and a docker token that was fetched with it."""
        token, token_id = self._access_token("applied-permissions/admin")
        authentication = self.instance.authentication
        principal = authentication.by_token(token)
        access = {f"{KEY}/{IMAGE}": frozenset(Action)}
        fetched, _ = authentication.token_for(principal, access)
        assert authentication.by_token(fetched).name == "admin"
        self.instance.secrets.access_tokens.revoke(self.admin, token_id)
        return token, fetched

    def _disabled(self) -> str:
        owner = self.instance.authentication.by_password("disabled", PASSWORD)
        asked = Asked(expires_in=3600)
        issued = self.instance.secrets.access_tokens.issue(owner, asked, 3600, 3600)
        self.instance.users.change("disabled", UserFields(disabled=True))
        return issued.token

    # --- what is there -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Make again what requests may have deleted or changed."""
        instance = self.instance
        if instance.users.find(SOMEBODY) is None:
            instance.users.create(
                SOMEBODY, UserFields(email="carol@corp.example", internal_password_disabled=True)
            )
        for user in instance.users.all():
            if user.password_expired:
                instance.users.change(user.name, UserFields(password_expired=False))
        if instance.groups.find(SOMEBODY) is None:
            instance.groups.create(SOMEBODY, GroupFields())
        if instance.directory.definition(SPARE) is None:
            instance.definitions.create(RepositoryKey(SPARE), "local", {})
        repository = instance.directory.as_seen_by(self.admin, "").open(KEY)
        for image in repository.images(PageRequest()).names:
            if image != IMAGE:
                repository.delete_image(image)
        note = PermissionTarget(NOTE, {"repo": Section([KEY])})
        instance.permission_targets.replace(note)
        push_image(self.client, TAG, f"/v2/{KEY}/{IMAGE}", layers=(LAYER,))
        put_blob(self.client, LOOSE, f"/v2/{KEY}/{IMAGE}")

    def renew_token(self) -> None:
        """Let the admin have an access token."""
        self.token = self._access_token()[1]

    def start_upload(self, principal: Principal) -> str:
        """Return the id of a new upload of somebody's."""
        repository = self.instance.directory.as_seen_by(principal, "127.0.0.1").open(KEY)
        return repository.start_upload(ImageName(IMAGE), "sha256").id

    def principal(self, caller: Caller) -> Principal:
        """Return who a caller is whose credentials are good."""
        name = caller.column if caller.column in RIGHTS else "admin"
        users = self.instance.users
        return users.principal(users.get(name))


def _bearer(name: str, column: str, token: str) -> Caller:
    return Caller(name, column, {"Authorization": f"Bearer {token}"})


_GROWING = ("locks", "journal", "pulls", "storage-summary.json", "pruning.json", "upstreams")
_LOGINS = ("etc", "logins")


def state(storage: Path) -> dict[str, str]:
    """Return all that is stored, name by name, without what only says who was here."""
    found = {}
    for path in sorted(storage.rglob("*")):
        parts = path.relative_to(storage).parts
        if parts[0] in _GROWING or parts[:2] == _LOGINS:
            continue
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found["/".join(parts)] = content
    return found
