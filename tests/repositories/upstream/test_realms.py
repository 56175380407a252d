"""C1: which token services belong to a registry, so that they may be told its password."""

from __future__ import annotations

import pytest

from registry.repositories.upstream.failures import Failure
from registry.repositories.upstream.names import place_of
from registry.repositories.upstream.realms import registered_domain, takes_credentials


@pytest.mark.parametrize(
    ("url", "realm", "any_host", "expected"),
    [
        ("https://registry-1.docker.io", "https://auth.docker.io/token", False, True),
        ("https://registry.example.com", "https://registry.example.com/token", False, True),
        ("https://registry.example.com", "https://registry.example.com:8443/token", False, True),
        ("https://registry.example.com", "https://login.example.com/token", False, True),
        ("https://registry.example.com", "https://REGISTRY.example.com./token", False, True),
        ("https://registry.example.com", "https://example.com.evil.org/token", False, False),
        ("https://registry.example.com", "https://evil-example.com/token", False, False),
        ("https://registry.example.com", "https://evil.org/registry.example.com", False, False),
        ("https://registry.example.com", "https://evil.org/token", True, True),
        ("https://registry.a.co.uk", "https://auth.a.co.uk/t", False, True),
        ("https://registry.a.co.uk", "https://auth.b.co.uk/t", False, False),
        ("https://one.azurecr.io", "https://two.azurecr.io/t", False, False),
        ("https://one.jfrog.io", "https://two.jfrog.io/t", False, False),
        ("https://a.eu.github.io", "https://b.eu.github.io/t", False, True),
        ("https://192.0.2.7", "https://192.0.2.7/t", False, True),
        ("https://192.0.2.7", "https://198.51.2.7/t", False, False),
        ("https://[2001:db8::1]", "https://[2001:db8::2]/t", False, False),
        ("https://localhost", "https://otherhost/t", False, False),
        ("http://registry.example.com", "http://registry.example.com/token", False, True),
        ("http://registry.example.com", "https://registry.example.com/token", False, True),
        ("http://registry.example.com", "http://evil.org/token", False, False),
    ],
)
def test_c1_a_realm_belongs_to_the_registry_or_not(
    url: str, realm: str, any_host: bool, expected: bool
) -> None:
    assert takes_credentials(place_of(url), realm, any_host) is expected


@pytest.mark.parametrize(
    "realm",
    [
        "http://registry.example.com/token", "http://auth.example.com/token", "/token", "", "x",
        "file:///etc/passwd", "https://user:word@registry.example.com/token", "https:///token",
        "https://registry.example.com\\@evil.org/", "https://registry.example.com\r\nX: y",
        "https://registry.example.com:99999/token", "https://r\u00e9gistry.example.com/token",
    ],
)  # fmt: skip
@pytest.mark.parametrize("any_host", [False, True])
def test_c1_some_realms_are_asked_by_nobody(realm: str, any_host: bool) -> None:
    with pytest.raises(Failure):
        takes_credentials(place_of("https://registry.example.com"), realm, any_host)


@pytest.mark.parametrize(
    ("host", "domain"),
    [("a.b.example.com", "example.com"), ("example.com", "example.com"), ("com", ""),
     ("a.example.co.uk", "example.co.uk"), ("co.uk", ""), ("github.io", ""),
     ("me.github.io", "me.github.io"), ("a.me.github.io", "me.github.io"), ("localhost", "")],
)  # fmt: skip
def test_the_domain_that_somebody_has_registered(host: str, domain: str) -> None:
    assert registered_domain(host) == domain
