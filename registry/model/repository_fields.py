"""The fields of repositories, by kind: Artifactory's names, types and defaults, and a few of ours.

``allowSparseIndexes``, ``immutableTags``, ``registryPort``, ``retention`` and
``untaggedRetentionDays`` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

LOCAL: Final = "local"
REMOTE: Final = "remote"
VIRTUAL: Final = "virtual"
KINDS: Final = (LOCAL, REMOTE, VIRTUAL)
PACKAGE_TYPE: Final = "docker"
FIXED: Final = ("key", "rclass", "packageType")
"""What stands in a definition beside the fields, and never changes."""
MASKED: Final = "password"
"""The field that is never shown."""

FieldValue = str | bool | int | list[str] | dict[str, Any]

KEPT: Final = "kept for clients of Artifactory, without effect"
_LONGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its default, from which its type follows, its meaning, and what it may be.

    A text whose default is not empty is never empty: then it has its default.
    """

    default: FieldValue
    description: str
    least: int = 0
    most: int = _LONGEST
    choices: tuple[str, ...] = ()


_EVERY: Final[Mapping[str, Field]] = {
    "description": Field("", "what the repository is for, shown to its users"),
    "notes": Field("", "internal description, for admins"),
    "projectKey": Field("", "project that the repository belongs to; lists can be limited to it"),
    "environments": Field([], KEPT),
    "includesPattern": Field(
        "**/*", "Ant patterns with commas between them; what fits none is not there"
    ),
    "excludesPattern": Field("", "Ant patterns; what fits one of them is not there"),
    "repoLayoutRef": Field("simple-default", KEPT),
    "dockerApiVersion": Field(
        "V2", "V1 or V2, as Artifactory tells them apart", choices=("V1", "V2")
    ),
    "registryPort": Field(
        0, "port of a reverse proxy that stands for this repository alone; 0: none", most=65535
    ),
    "debianTrivialLayout": Field(False, KEPT),
    "primaryKeyPairRef": Field("", KEPT),
    "secondaryKeyPairRef": Field("", KEPT),
    "enableDockerSupport": Field(True, KEPT),
}
"""Fields of every repository."""

_HOLDING: Final[Mapping[str, Field]] = {
    "blackedOut": Field(False, "the repository is as if it were not there"),
    "blockPushingSchema1": Field(True, "refuse manifests of the old schema 1"),
    "priorityResolution": Field(False, "a virtual repository asks this one before the others"),
    "propertySets": Field([], KEPT),
    "archiveBrowsingEnabled": Field(False, KEPT),
    "xrayIndex": Field(False, KEPT),
    "downloadRedirect": Field(False, KEPT),
    "cdnRedirect": Field(False, KEPT),
    "checksumPolicyType": Field(
        "client-checksums", KEPT, choices=("client-checksums", "server-generated-checksums")
    ),
    "handleReleases": Field(True, KEPT),
    "handleSnapshots": Field(True, KEPT),
    "maxUniqueSnapshots": Field(0, KEPT),
    "snapshotVersionBehavior": Field("unique", KEPT, choices=("unique", "non-unique", "deployer")),
    "suppressPomConsistencyChecks": Field(True, KEPT),
    "calculateYumMetadata": Field(False, KEPT),
    "yumRootDepth": Field(0, KEPT),
    "enableFileListsIndexing": Field(False, KEPT),
    "optionalIndexCompressionFormats": Field([], KEPT),
}
"""Fields of repositories that hold content: local and remote ones."""

_LOCAL: Final[Mapping[str, Field]] = {
    "maxUniqueTags": Field(0, "tags that each image keeps, the last pushed ones; 0: all"),
    "dockerTagRetention": Field(
        1, "images that a tag keeps by digest: the present one and those it had before", least=1
    ),
    "untaggedRetentionDays": Field(
        7, "days that a manifest without a tag can be pulled by digest; -1: for ever", least=-1
    ),
    "retention": Field(
        "", "rules for deleting tags, such as 'keep last=10; delete pushed>90d'; see retention.md"
    ),
    "immutableTags": Field(
        [], "tags that are never changed or deleted, such as 'v*,!*-rc*'; see permissions.md"
    ),
    "allowSparseIndexes": Field(False, "accept indexes and images whose parts are not all present"),
}

_REMOTE: Final[Mapping[str, Field]] = {
    "url": Field("", "the upstream registry, without /v2; required"),
    "username": Field("", "user at the upstream registry"),
    MASKED: Field("", "password or token there; it is never shown"),
    "proxy": Field("", "address of the proxy that leads to upstream, without a password"),
    "disableProxy": Field(False, "use no proxy, not even the usual one"),
    "hardFail": Field(False, "answer an error, and not 'unknown', when upstream fails"),
    "offline": Field(False, "serve what the cache has, and ask nobody"),
    "storeArtifactsLocally": Field(True, "keep what was fetched; always so for Docker"),
    "socketTimeoutMillis": Field(15_000, "milliseconds in which something must come from upstream"),
    "localAddress": Field("", "local address to ask from"),
    "retrievalCachePeriodSecs": Field(7200, "seconds that tags and lists of upstream are trusted"),
    "failedRetrievalCachePeriodSecs": Field(30, "seconds that a failure is remembered"),
    "missedRetrievalCachePeriodSecs": Field(1800, "seconds that 'not there' is remembered"),
    "metadataRetrievalTimeoutSecs": Field(60, "seconds to wait for somebody else's fetch"),
    "assumedOfflinePeriodSecs": Field(300, "seconds without asking after a connection failed"),
    "unusedArtifactsCleanupEnabled": Field(
        False, "let go from the cache what nobody has pulled for the period"
    ),
    "unusedArtifactsCleanupPeriodHours": Field(
        0, "hours after which what nobody has pulled leaves the cache; 0: never"
    ),
    "enableTokenAuthentication": Field(
        False, "without effect: tokens are fetched wherever upstream asks for them"
    ),
    "allowAnyHostAuth": Field(False, "send credentials to other hosts that upstream leads to"),
    "blockMismatchingMimeTypes": Field(True, "refuse answers of a type that is no registry's"),
    "mismatchingMimeTypesOverrideList": Field("", "types that are refused beside the usual ones"),
    "externalDependenciesEnabled": Field(False, "fetch foreign layers from their own addresses"),
    "externalDependenciesPatterns": Field([], "patterns of these addresses; none: all"),
    "synchronizeProperties": Field(False, KEPT),
    "contentSynchronisation": Field(
        {
            "enabled": False,
            "statistics": {"enabled": False},
            "properties": {"enabled": False},
            "source": {"originAbsenceDetection": False},
        },
        KEPT,
    ),
    "listRemoteFolderItems": Field(
        False, "list what upstream has beside the names in the cache"
    ),
    "remoteRepoLayoutRef": Field("", KEPT),
    "remoteRepoChecksumPolicyType": Field(
        "generate-if-absent", KEPT,
        choices=("generate-if-absent", "fail", "ignore-and-generate", "pass-thru"),
    ),
    "fetchJarsEagerly": Field(False, KEPT),
    "fetchSourcesEagerly": Field(False, KEPT),
    "shareConfiguration": Field(False, KEPT),
    "enableCookieManagement": Field(False, KEPT),
    "bypassHeadRequests": Field(False, "ask upstream by GET alone"),
    "disableUrlNormalization": Field(False, KEPT),
    "clientTlsCertificate": Field("", KEPT),
    "queryParams": Field("", KEPT),
    "dockerProjectId": Field("", KEPT),
}  # fmt: skip

_VIRTUAL: Final[Mapping[str, Field]] = {
    "repositories": Field([], "keys of the members, in the order in which they are asked"),
    "defaultDeploymentRepo": Field("", "local member that takes what is pushed; empty: none"),
    "resolveDockerTagsByTimestamp": Field(
        False, "of a tag that several members have, take the one that changed last"
    ),
    "artifactoryRequestsCanRetrieveRemoteArtifacts": Field(
        False, "let another Artifactory have what remote members would have to fetch"
    ),
    "externalDependenciesEnabled": Field(False, "fetch foreign layers from their own addresses"),
    "externalDependenciesPatterns": Field([], "patterns of these addresses; none: all"),
    "externalDependenciesRemoteRepo": Field("", KEPT),
    "keyPair": Field("", KEPT),
    "pomRepositoryReferencesCleanupPolicy": Field(
        "discard_active_reference", KEPT,
        choices=("discard_active_reference", "discard_any_reference", "nothing"),
    ),
    "forceMavenAuthentication": Field(False, KEPT),
}  # fmt: skip

FIELDS_OF: Final[Mapping[str, Mapping[str, Field]]] = {
    LOCAL: {**_EVERY, **_HOLDING, **_LOCAL},
    REMOTE: {**_EVERY, **_HOLDING, **_REMOTE},
    VIRTUAL: {**_EVERY, **_VIRTUAL},
}
"""Kind to its fields."""

FIELDS: Final[Mapping[str, Field]] = {**_EVERY, **_HOLDING, **_LOCAL, **_REMOTE, **_VIRTUAL}
"""All fields. One of several kinds has the same default and meaning in each."""
