"""What can go wrong at the upstream of a remote repository: *absent* is none of it.

The client in ``repositories/upstream`` raises `UpstreamFailed` and `UpstreamLimited`. A remote
repository lets them pass if it has nothing good to serve; where it is not set to fail hard it
raises `UpstreamUnavailable` in the place of the first. A virtual repository must not go on to its
next member as if something were absent when one of these comes.
"""

from __future__ import annotations

from registry.model.errors import RegistryError


class UpstreamError(RegistryError):
    """The upstream did not say whether it has something, and the cache has it not."""


class UpstreamFailed(UpstreamError):
    """The upstream cannot be reached, answers too late, wrongly, or refuses our credentials."""


class UpstreamRefused(UpstreamFailed):
    """The upstream does not show it to us, and does not say whether it is there.

    A virtual repository goes on from here, as many registries answer so for names that they do not
    know.
    """


class UpstreamUnavailable(UpstreamError):
    """The same, of a repository that tells its clients no more than that there is nothing."""


class UpstreamLimited(UpstreamError):
    """The upstream has had too many requests; it may be asked again after ``seconds``."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message, {"seconds": seconds})
        self.seconds = seconds
