"""The rows of the access matrix: every route, and what kind of right it needs.

It is written by hand and on purpose beside the routes: who opens a route further than before has
to say so here, too. The forms of one route (with and without ``/artifactory``, by repository path
and by the path of a proxy) are one row.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

from registry.web.routing import Right


class Kind(enum.Enum):
    """What a route asks of its callers; where handlers decide, more kinds than rights."""

    PUBLIC = Right.PUBLIC, "the same for everybody"
    TOKEN = Right.PUBLIC, "credentials, if there are any, have to be good"
    ISSUE = Right.PUBLIC, "an access token for whoever comes with all of a user's rights"
    LOGIN = Right.LOGIN, "about nothing in particular"
    HERE = Right.LOGIN, "about a repository, for whoever has any right in it"
    OWN = Right.LOGIN, "about an access token, which is an admin's"
    ACCOUNT = Right.ACCOUNT, "about the caller"
    MANAGED = Right.MANAGE, "what the caller manages"
    TARGET = Right.MANAGE, "about a permission target that is there"
    CHANGE = Right.MANAGE, "a permission target by its name, new or not"
    EMPTY = Right.MANAGE, "a permission target that is about nothing afterwards"
    PROFILE = Right.MANAGE, "about somebody else"
    PULL = Right.PULL, ""
    PUSH = Right.PUSH, ""
    MOVE = Right.PUSH, "and deletes where it comes from"
    ANNOTATE = Right.ANNOTATE, ""
    DELETE = Right.DELETE, ""
    ADMIN = Right.ADMIN, ""
    MONITOR = Right.MONITOR, ""

    @property
    def right(self) -> Right:
        """What such a route declares."""
        return self.value[0]


_ROWS = """
PUBLIC   GET   /access/api/v1/cert/root
PUBLIC   POST  /access/api/v1/oidc/token
PUBLIC   GET   /access/api/v1/system/ping
PUBLIC   GET   /access/api/v1/system/version
PUBLIC   POST  /access/api/v2/authentication/jfrog_client_login/request
PUBLIC   GET   /access/api/v2/authentication/jfrog_client_login/token/<uuid>
PUBLIC   POST  /api/security/users/authorization/changePassword
PUBLIC   GET   /api/system/ping
PUBLIC   GET   /api/system/version
PUBLIC   GET   /api/v1/system/liveness
PUBLIC   GET   /api/v1/system/readiness
PUBLIC   GET   /healthz
PUBLIC   GET   /readyz
PUBLIC   GET   /router/api/v1/system/health
PUBLIC   GET   /ui/api/v1/auth/current
PUBLIC   POST  /ui/api/v1/auth/login
PUBLIC   POST  /ui/api/v1/auth/logout
PUBLIC   POST  /v2/token
PUBLIC   POST  /v2/<key>/token
TOKEN    GET   /v2/token
TOKEN    GET   /v2/<key>/token
ISSUE    POST  /access/api/v1/tokens
ISSUE    POST  /api/security/token

LOGIN    GET   /v2/
LOGIN    GET   /v2/<key>/
LOGIN    GET   /v2/_catalog
LOGIN    POST  /v2/promote
LOGIN    GET   /api/docker/search
LOGIN    GET   /api/docker/upstreams
LOGIN    GET   /api/plugins
LOGIN    GET   /api/repositories
LOGIN    GET   /api/repositories/configurations
LOGIN    GET   /api/repositories/existence
LOGIN    GET   /api/v2/repositories/batch
LOGIN    POST  /api/search//aql
LOGIN    POST  /api/search/aql
LOGIN    GET   /api/search/archive
LOGIN    GET   /api/search/artifact
LOGIN    GET   /api/search/badChecksum
LOGIN    POST  /api/search/buildArtifacts
LOGIN    GET   /api/search/checksum
LOGIN    GET   /api/search/creation
LOGIN    GET   /api/search/dates
LOGIN    GET   /api/search/dependency
LOGIN    GET   /api/search/gavc
LOGIN    GET   /api/search/latestVersion
LOGIN    GET   /api/search/license
LOGIN    GET   /api/search/prop
LOGIN    GET   /api/search/usage
LOGIN    GET   /api/search/versions
LOGIN    GET   /api/system/license
LOGIN    GET   /api/system/licenses
LOGIN    GET   /api/system/service_id
LOGIN    GET   /api/system/status
LOGIN    POST  /api/system/usage
LOGIN    GET   /api/v1/uploads/config
LOGIN    GET   /access/api/v1/tokens/me
LOGIN    DELETE  /access/api/v1/tokens/revoke
OWN      DELETE,GET  /access/api/v1/tokens/<token>
OWN      POST  /api/security/token/revoke
HERE     GET   /<key>
HERE     GET   /api/docker/<key>/_catalog
HERE     GET   /v2/<key>/_catalog
HERE     GET   /api/repositories/<key>
HERE     GET   /api/v2/repositories/<key>
HERE     GET   /api/search/pattern
HERE     GET   /api/storage/<key>

ACCOUNT  GET   /access/api/v1/tokens
ACCOUNT  GET   /api/security/token
ACCOUNT  DELETE,GET,POST,PUT  /api/security/apiKey
ACCOUNT  GET   /api/security/encryptedPassword

MANAGED  GET   /access/api/v2/permissions
MANAGED  GET   /api/security/permissions
MANAGED  GET   /api/v2/security/permissions
TARGET   DELETE,GET  /access/api/v2/permissions/<name>
TARGET   GET,PATCH,PUT  /access/api/v2/permissions/<name>/<resource>
TARGET   DELETE,GET  /api/security/permissions/<name>
TARGET   DELETE,GET  /api/v2/security/permissions/<name>
CHANGE   POST  /access/api/v2/permissions
CHANGE   PUT   /api/security/permissions/<name>
CHANGE   POST,PUT  /api/v2/security/permissions/<name>
EMPTY    DELETE  /access/api/v2/permissions/<name>/<resource>
PROFILE  GET   /access/api/v2/users/<name>
PROFILE  GET   /api/security/users/<name>

PULL     GET   /<key>/<path:path>
PULL     GET   /api/storage/<key>/<path:path>
PULL     GET   /v2/<key>/<path:image>/blobs/<digest>
PULL     GET   /v2/<key>/<path:image>/manifests/<reference>
PULL     POST  /v2/<key>/<path:image>/parentManifests
PULL     GET   /v2/<key>/<path:image>/referrers/<digest>
PULL     GET   /v2/<key>/<path:image>/tags/list

PUSH     PUT   /<key>/<path:path>
PUSH     POST  /api/copy/<key>/<path:path>
MOVE     POST  /api/move/<key>/<path:path>
PUSH     POST  /v2/<key>/<path:image>/blobs/uploads/
PUSH     DELETE,GET,PATCH,PUT  /v2/<key>/<path:image>/blobs/uploads/<upload_id>
PUSH     PUT   /v2/<key>/<path:image>/manifests/<reference>
PUSH     POST  /v2/<key>/promote

ANNOTATE PATCH  /api/metadata/<key>
ANNOTATE PATCH  /api/metadata/<key>/<path:path>
ANNOTATE DELETE,PUT  /api/storage/<key>
ANNOTATE DELETE,PUT  /api/storage/<key>/<path:path>

DELETE   DELETE  /<key>/<path:path>
DELETE   DELETE  /v2/<key>/<path:image>/blobs/<digest>
DELETE   DELETE  /v2/<key>/<path:image>/manifests/<reference>

ADMIN    GET,PUT  /access/api/v1/config/token/default_expiry
ADMIN    GET,POST  /access/api/v2/groups
ADMIN    DELETE,GET,PATCH  /access/api/v2/groups/<name>
ADMIN    PATCH  /access/api/v2/groups/<name>/members
ADMIN    GET,POST  /access/api/v2/users
ADMIN    DELETE,PATCH  /access/api/v2/users/<name>
ADMIN    PATCH  /access/api/v2/users/<name>/groups
ADMIN    PUT   /access/api/v2/users/<name>/password
ADMIN    GET   /api/docker/resolve
ADMIN    POST  /api/export/system
ADMIN    POST  /api/import/system
ADMIN    DELETE,POST,PUT  /api/repositories/<key>
ADMIN    POST,PUT  /api/v2/repositories/batch
ADMIN    DELETE  /api/security/apiKey/<name>
ADMIN    GET,PUT  /api/security/configuration/passwordExpirationPolicy
ADMIN    GET   /api/security/explain
ADMIN    GET   /api/security/groups
ADMIN    DELETE,GET,POST,PUT  /api/security/groups/<name>
ADMIN    GET   /api/security/lockedUsers
ADMIN    POST  /api/security/unlockAllUsers
ADMIN    POST  /api/security/unlockUsers
ADMIN    POST  /api/security/unlockUsers/<name>
ADMIN    GET,PUT  /api/security/userLockPolicy
ADMIN    GET   /api/security/users
ADMIN    DELETE,POST,PUT  /api/security/users/<name>
ADMIN    POST  /api/security/users/authorization/expirePassword
ADMIN    POST  /api/security/users/authorization/expirePassword/<name>
ADMIN    POST  /api/security/users/authorization/expirePasswordForAllUsers
ADMIN    POST  /api/security/users/authorization/unexpirePassword/<name>
ADMIN    POST  /api/security/users/authorization/unexpirePasswordForAllUsers
ADMIN    GET   /api/storageinfo
ADMIN    POST  /api/storageinfo/calculate
ADMIN    GET   /api/system
ADMIN    GET,PATCH,POST  /api/system/configuration
ADMIN    PUT   /api/system/configuration/baseUrl
ADMIN    GET   /api/system/configuration/reverseProxy/apache
ADMIN    GET   /api/system/configuration/reverseProxy/nginx
ADMIN    GET,POST  /api/system/configuration/webServer
ADMIN    POST  /api/system/decrypt
ADMIN    POST  /api/system/encrypt
ADMIN    GET   /api/system/info
ADMIN    GET   /api/system/request
ADMIN    GET   /api/system/request/<path:rest>
ADMIN    GET   /api/system/security/certificates
ADMIN    POST  /api/system/storage/gc
ADMIN    POST  /api/system/storage/optimize
ADMIN    POST  /api/system/verifyconnection
ADMIN    GET   /api/tasks
ADMIN    GET   /api/trash
ADMIN    DELETE  /api/trash/clean/<key>
ADMIN    DELETE  /api/trash/clean/<key>/<path:path>
ADMIN    POST  /api/trash/empty
ADMIN    POST  /api/trash/restore/<key>
ADMIN    POST  /api/trash/restore/<key>/<path:path>
MONITOR  GET   /api/v1/metrics
MONITOR  GET   /metrics
"""


def _parsed() -> Mapping[tuple[str, str], Kind]:
    """Return the rows; where there is a GET, there is a HEAD of the same kind."""
    rows = {}
    for line in filter(None, _ROWS.splitlines()):
        kind, methods, rule = line.split()
        for method in methods.split(","):
            rows[method, rule] = Kind[kind]
            if method == "GET":
                rows["HEAD", rule] = Kind[kind]
    return rows


ROWS = _parsed()
"""Method and row to what it asks of callers."""


def row_of(rule: str) -> str:
    """Return the row that a rule of the application is a form of."""
    row = rule.removeprefix("/artifactory").replace("<repository:key>", "<key>")
    return re.sub(r"^/api/docker/<key>/v2", "/v2/<key>", row)
