"""Artifactory's REST API.

Read in this order: ``repositories`` (their configuration), ``content`` with ``browsing`` (the
repositories as trees: download, delete), ``deploying`` (the other way), ``storage`` with
``item_answers`` (what is known of files and folders), ``properties``, ``promotion``, ``copying``
(and moving), ``trash``, ``locations`` (where in a tree a request points), ``aql``, ``search`` and
``search_builds`` (finding files), ``packages`` (finding tags), ``resolving`` (who has them),
``upstreams`` (how those of remote repositories do),
``system`` (what stands in front of the server), ``system_about`` (what the server says of itself),
``system_configuration`` (what is set elsewhere), ``system_work`` (pruning and counting); ``forms``
(small bodies, their values), ``security_keys``, ``security_tokens`` and ``security_passwords``
(credentials); ``security_bodies`` (names and fields), ``security_users``, ``security_groups`` and
``security_permissions`` (who may what), ``access_users`` and ``access_permissions`` (the same by
the Access API).
"""

from registry.web.artifactory import (
    access_permissions,
    access_users,
    aql,
    content,
    copying,
    deploying,
    packages,
    promotion,
    properties,
    repositories,
    resolving,
    search,
    search_builds,
    security_bodies,
    security_groups,
    security_keys,
    security_passwords,
    security_permissions,
    security_tokens,
    security_users,
    storage,
    system,
    system_about,
    system_configuration,
    system_work,
    trash,
    upstreams,
)
from registry.web.artifactory.content import blueprint

__all__ = [
    "access_permissions",
    "access_users",
    "aql",
    "blueprint",
    "content",
    "copying",
    "deploying",
    "packages",
    "promotion",
    "properties",
    "repositories",
    "resolving",
    "search",
    "search_builds",
    "security_bodies",
    "security_groups",
    "security_keys",
    "security_passwords",
    "security_permissions",
    "security_tokens",
    "security_users",
    "storage",
    "system",
    "system_about",
    "system_configuration",
    "system_work",
    "trash",
    "upstreams",
]
