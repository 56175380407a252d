"""What can go wrong, one class an event. No status codes: each face decides how to say it.

A message is a whole thought for the person who reads it; ``details`` are facts for programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Facts = Mapping[str, object]


class RegistryError(Exception):
    """The root of all errors that are answers; anything else that escapes is a defect."""

    def __init__(self, message: str, *details: Facts) -> None:
        super().__init__(message)
        self.message = message
        self.details: Sequence[Facts] = details


class NameInvalid(RegistryError):
    """The text is no image name."""


class RepositoryKeyInvalid(NameInvalid):
    """The text is no repository key."""


class TagInvalid(RegistryError):
    """The text is no tag."""


class DigestInvalid(RegistryError):
    """The text is no digest of a supported algorithm."""


class DigestMismatch(RegistryError):
    """The bytes do not have the digest that they were announced with."""


class RepositoryUnknown(RegistryError):
    """There is no repository with that key, as far as the caller may know."""


class RepositoryExists(RegistryError):
    """A repository with that key exists already."""


class RepositoryNotEmpty(RegistryError):
    """The repository still holds images."""


class FieldInvalid(RegistryError):
    """A field of a definition is unknown or has a wrong value."""


class ImageUnknown(RegistryError):
    """The repository has no such image, as far as the caller may know."""


class ManifestUnknown(RegistryError):
    """The image has no manifest under that tag or digest."""


class BlobUnknown(RegistryError):
    """The image may not show a blob with that digest."""


class UploadUnknown(RegistryError):
    """There is no such upload: finished, cancelled, expired, or somebody else's."""


class UploadInvalid(RegistryError):
    """The upload request contradicts itself."""


class UploadRangeInvalid(RegistryError):
    """A chunk does not begin where the upload ends; ``size`` bytes have been received."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message, {"received": size})
        self.size = size


class SizeInvalid(RegistryError):
    """The length of the body is not the announced one."""


class BodyTooLarge(RegistryError):
    """The body is larger than this request may have."""


class RangeUnsatisfiable(RegistryError):
    """The asked byte range lies outside the content of ``size`` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range lies outside the {size} bytes of the blob", {"size": size})
        self.size = size


class ManifestInvalid(RegistryError):
    """The bytes are no manifest that can be stored."""


class ManifestUnverified(RegistryError):
    """A schema 1 manifest has no signature, or one that does not fit."""


class ManifestPartsMissing(RegistryError):
    """A manifest names blobs or manifests that the image does not have; one detail each."""


class TooManyTags(RegistryError):
    """More tags were asked for in one request than are taken."""


class PageSizeInvalid(RegistryError):
    """``n`` is not a number of entries."""


class RequestInvalid(RegistryError):
    """The request is malformed in a way that belongs to no other class."""


class QueryInvalid(RegistryError):
    """The text is no query of AQL that can be answered."""


class RouteUnknown(RegistryError):
    """Nothing is served under that path."""


class AnswerUnacceptable(RegistryError):
    """The caller takes no answer of the type that there is."""


class NothingToDo(RegistryError):
    """What is asked for is so already, or can never be otherwise."""


class MethodUnsupported(RegistryError):
    """The path exists, but not for that method."""


class OperationUnsupported(RegistryError):
    """The operation is switched off, or would harm what is stored."""


class CredentialsWrong(RegistryError):
    """The given credentials are not right; nothing more is said."""


class AuthenticationRequired(RegistryError):
    """The caller is anonymous and anonymous callers may not do this."""


class TokenInvalid(RegistryError):
    """The token is forged, damaged, expired or revoked."""


class TokenUnknown(RegistryError):
    """There is no such access token, as far as the caller may know."""


class ApiKeyExists(RegistryError):
    """The user has an API key already."""


class TooManyAttempts(RegistryError):
    """Wrong passwords came too often; the next one is looked at after ``seconds``."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message, {"seconds": seconds})
        self.seconds = seconds


class ScopeInsufficient(RegistryError):
    """The caller may do this, but the token was issued for less."""


class Denied(RegistryError):
    """The caller is known and may not do this."""


class PathUnknown(RegistryError):
    """The tree of the repository has nothing under that path, as far as the caller may know."""


class PropertyInvalid(RegistryError):
    """The name or value of a property cannot be used, or the text says no properties."""


class PropertiesUnknown(RegistryError):
    """The item has none of the properties that are asked for."""


class ChecksumMismatch(RegistryError):
    """The bytes that were deployed do not have a checksum that was stated with them."""


class ContentUnknown(RegistryError):
    """No content with the stated checksum is stored, as far as the caller may know."""


class LocationInvalid(RegistryError):
    """A Docker repository has no place for a file of that name."""


class TrashUnknown(RegistryError):
    """The trash has nothing of that name, as far as the caller may know."""


class RestoreConflict(RegistryError):
    """What is to be restored would replace something that is there."""


class HistoryUnknown(RegistryError):
    """The tag had no manifest at that time, or never had that one."""


class ReferenceInvalid(RegistryError):
    """The text names no repository, image, tag or manifest."""


class StoragePruning(RegistryError):
    """Another process is pruning the storage folder."""


class UserUnknown(RegistryError):
    """There is no such user."""


class UserExists(RegistryError):
    """A user of that name exists already."""


class UserInvalid(RegistryError):
    """The user name or password cannot be used."""


class GroupUnknown(RegistryError):
    """There is no such group."""


class GroupExists(RegistryError):
    """A group of that name exists already."""


class GroupInvalid(RegistryError):
    """The name or a field of the group cannot be used."""


class PermissionUnknown(RegistryError):
    """There is no such permission target, as far as the caller may know."""


class PermissionExists(RegistryError):
    """A permission target of that name exists already."""


class PermissionInvalid(RegistryError):
    """The permission target cannot be used: a name is unknown, or a value wrong."""


class TagImmutable(RegistryError):
    """The tag may not be changed or deleted, as a rule of its repository says."""


class StorageFull(RegistryError):
    """The disk or the quota of the storage folder is full."""


class StorageFailed(RegistryError):
    """The storage folder cannot be read or written; the log says more."""


class StorageReadOnly(StorageFailed):
    """The storage folder can be read and not written, as after an error of its filesystem."""


class ManifestDamaged(StorageFailed):
    """The stored bytes of a manifest are not those that were pushed."""


class StorageUnusable(RegistryError):
    """The folder cannot serve as storage; the message says why and what helps."""


class SettingInvalid(RegistryError):
    """A setting has a wrong value or an unknown name."""
