"""The doctor from outside, against a real nginx: all is well, and nothing is left or told."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from registry.config import Config
from registry.model.names import RepositoryKey
from registry.model.reverse_proxy import Method
from registry.services.doctor_login import Login
from registry.services.doctor_wire import Wire
from registry.wiring import build
from tests.http.support import tree
from tests.services.doctoring import ALL, IMPATIENT, WARN, Site, bad, instead, text
from tests.support.live import free_port

DOCS = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"


def test_behind_the_generated_configuration_all_is_well(site: Site) -> None:
    before = tree(site.server.storage, ("locks", "journal", "pulls", "filestore", "pruning.json"))
    lines = site.look_through()
    assert bad(lines) == {}, text(lines)
    assert [diagnosis.check for diagnosis in lines] == ALL
    after = tree(site.server.storage, ("locks", "journal", "pulls", "filestore", "pruning.json"))
    assert after == before


def test_every_check_is_documented() -> None:
    page = DOCS.read_text()
    for check in ALL:
        assert f"| `{check}` |" in page


@pytest.mark.parametrize("method", [Method.SUBDOMAIN, Method.PORT])
def test_the_other_methods_are_well_too(
    site: Site, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the image ends up in the repository of the name or port, and goes away all the same."""
    known = socket.getaddrinfo

    def found(host: Any, *rest: Any, **named: Any) -> Any:
        return known("127.0.0.1", *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    instance, port = build(Config(storage_root=str(site.server.storage))), free_port()
    instance.definitions.update(RepositoryKey("docker-local"), {"registryPort": port})
    before = tree(site.server.storage / "artifacts")
    proxy = site.proxy(method)
    with site.front(proxy):
        if method is Method.PORT:
            lines = site.look(site.options(port))
        else:
            lines = site.look(site.options(proxy.https_port, "docker-local.localhost"))
    assert bad(lines) == {}, text(lines)
    assert tree(site.server.storage / "artifacts") == before


def test_a_token_from_the_signing_keys_does_all_but_show_how_requests_arrive(site: Site) -> None:
    lines = site.look_through(login=None)
    assert set(bad(lines)) == {"address"}, text(lines)
    verdict, what, remedy = bad(lines)["address"]
    assert verdict is WARN
    assert "no token shows it" in what
    assert "--user" in remedy


def test_a_user_who_is_no_admin_does_as_much(site: Site) -> None:
    lines = site.look_through(login=Login("bob", "password-of-bob"))
    assert set(bad(lines)) == {"address"}, text(lines)
    assert "logged in as 'bob', who is no admin" in text(lines)


# --- plain HTTP ----------------------------------------------------------------------------------


def test_plain_http_beside_tls_is_told(site: Site) -> None:
    proxy = site.proxy(http_port=free_port())
    with site.front(proxy):
        lines = site.look(site.options(proxy.https_port, http_port=proxy.http_port))
    assert set(bad(lines)) == {"plain"}, text(lines)
    verdict, what, remedy = bad(lines)["plain"]
    assert verdict is WARN
    assert f"http://localhost:{proxy.http_port}, too" in what
    assert "--http-port" in remedy


def test_plain_http_that_is_redirected_is_well(site: Site) -> None:
    other = free_port()
    redirect = f"server {{ listen {other}; return 308 https://$http_host$request_uri; }}\n"
    proxy = site.proxy()
    with site.front(proxy, lambda text: text + redirect):
        lines = site.look(site.options(proxy.https_port, http_port=other))
        sent_on = site.look(site.options(0, url=f"http://localhost:{other}"))
    assert bad(lines) == {}, text(lines)
    assert "is redirected to https://" in text(lines)
    assert bad(sent_on)["reach"][2] == "give that address by --url"


def test_directly_at_the_server_there_is_nobody_to_send_layers(site: Site) -> None:
    lines = site.look(site.options(0, url=site.server.url))
    # Whoever comes from this host is believed here, as the settings say.
    assert set(bad(lines)) == {"offload", "spoofing"}, text(lines)


# --- what must never happen ----------------------------------------------------------------------


def test_whoever_stops_listening_leaves_nothing_behind(site: Site) -> None:
    storage, proxy = site.server.storage, site.proxy()
    before = tree(storage / "artifacts"), tree(storage / "uploads")
    with site.front(proxy):
        doctor = build(Config(storage_root=str(storage))).doctor
        for last in ("size", "pull"):
            lines = doctor.look_from_outside(site.options(proxy.https_port))
            for diagnosis in lines:
                if diagnosis.check == last:
                    break
            assert (tree(storage / "artifacts"), tree(storage / "uploads")) != before
            lines.close()  # type: ignore[attr-defined]
            assert (tree(storage / "artifacts"), tree(storage / "uploads")) == before


def test_no_secret_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the password, in no form, and no token: not when all is well, and not when it is not."""
    secrets: set[str] = {site.server.admin_password}
    ask = Wire.ask

    def listen(
        wire: Wire, method: str, path: str, headers: Any = None, *rest: Any, **named: Any
    ) -> Any:
        secrets.update((headers or {}).get("Authorization", "").split()[1:])
        return ask(wire, method, path, headers, *rest, **named)

    monkeypatch.setattr(Wire, "ask", listen)
    told = text(site.look_through()) + text(site.look_through(login=None))
    small = instead("client_max_body_size", "client_max_body_size 1;")
    told += text(site.look_through(small, patience=IMPATIENT))
    told += text(site.look_through(login=Login("admin", "wrong-password"))) + repr(site.options(1))
    assert len(secrets) > 5
    assert [secret for secret in secrets if secret in told] == []
