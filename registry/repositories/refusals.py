"""What is said to whom may not know of something, or nobody in particular."""

from __future__ import annotations

from registry.access.principals import Principal
from registry.model.errors import (
    AuthenticationRequired,
    RegistryError,
    RepositoryUnknown,
    ScopeInsufficient,
)


def nobody_may(principal: Principal) -> RegistryError:
    """Return the error for an anonymous caller: with a token, another one would help."""
    if principal.access is not None:
        return ScopeInsufficient("authentication required")
    return AuthenticationRequired("authentication required")


def unknown_repository(key: str) -> RepositoryUnknown:
    """Return the error for a repository that is not there, as far as the caller may know."""
    return RepositoryUnknown("repository name not known to registry", {"name": key[:80]})
