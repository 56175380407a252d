"""The doctor from outside, where a client does not get to the server or is not let in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry.config import Config
from registry.model.errors import SettingInvalid
from registry.services.doctor_login import Login
from registry.services.doctor_wire import parse_url
from registry.wiring import build
from tests.services.doctoring import ALL, ANYWHERE, FAIL, Edit, Site, bad, instead, text, unchanged
from tests.support.live import free_port
from tests.support.nginx import Nginx, make_certificate

# --- who cannot get in ---------------------------------------------------------------------------


def test_wrong_credentials_end_the_visit_after_what_needs_none(site: Site) -> None:
    lines = site.look_through(login=Login("admin", "wrong-password"))
    assert set(bad(lines)) == {"login"}, text(lines)
    assert [diagnosis.check for diagnosis in lines] == ALL[:6]


def test_the_signing_keys_of_another_folder_are_not_accepted(site: Site, storage: Path) -> None:
    proxy = site.proxy()
    with site.front(proxy):
        doctor = build(Config(storage_root=str(storage))).doctor
        lines = list(doctor.look_from_outside(site.options(proxy.https_port, login=None)))
    assert "--storage" in bad(lines)["login"][2], text(lines)


def test_without_a_storage_folder_a_user_is_needed(site: Site, tmp_path: Path) -> None:
    proxy = site.proxy()
    with site.front(proxy):
        doctor = build(Config(storage_root=str(tmp_path / "none"))).doctor
        lines = list(doctor.look_from_outside(site.options(proxy.https_port, login=None)))
    assert "--user" in bad(lines)["login"][2], text(lines)
    assert not (tmp_path / "none").exists()


def test_a_repository_that_is_not_there_is_told(site: Site) -> None:
    lines = site.look_through(repository="no-such-key")
    assert bad(lines)["upload"][0] is FAIL
    assert "--repository" in bad(lines)["upload"][2], text(lines)


# --- who cannot be reached -----------------------------------------------------------------------


def reached(site: Site, edit: Edit = unchanged, **more: object) -> tuple[str, str]:
    """Return what is said, which must be that nothing can be reached, and the remedy."""
    lines = site.look_through(edit, **more)
    assert [(d.check, d.verdict) for d in lines] == [("reach", FAIL)], text(lines)
    return lines[0].what, lines[0].remedy


def test_an_authority_that_nobody_knows(site: Site) -> None:
    what, remedy = reached(site, authorities=None)
    assert "issuer certificate" in what
    assert "--ca" in remedy


def test_a_certificate_for_another_name_and_one_that_has_ended(site: Site, tmp_path: Path) -> None:
    for folder, names, days, said in (
        ("other", ["registry.example"], 30, "use a name of the certificate"),
        ("old", ["localhost"], -1, "renew the certificate"),
    ):
        made = make_certificate(tmp_path / folder, names, days)
        other = replace(site, certificate=made, folder=tmp_path)
        assert said in reached(other)[1]


def test_a_certificate_that_ends_soon_is_told_and_the_rest_goes_on(
    site: Site, tmp_path: Path
) -> None:
    made = make_certificate(tmp_path / "soon", ["localhost"], 3)
    lines = replace(site, certificate=made, folder=tmp_path).look_through()
    assert set(bad(lines)) == {"certificate"}, text(lines)
    assert "ends in 2 days" in text(lines)


def test_nobody_listens(site: Site) -> None:
    lines = site.look(site.options(free_port()))
    assert "connection refused" in bad(lines)["reach"][1]
    assert "the proxy runs" in bad(lines)["reach"][2]


def test_a_proxy_that_does_not_reach_the_server(site: Site) -> None:
    edit = instead(f"server {site.server.host}", f"server 127.0.0.1:{free_port()};")
    what, remedy = reached(site, edit)
    assert "50" in what
    assert "start the server" in remedy


def test_somebody_who_is_no_registry(site: Site) -> None:
    assert "no registry" in reached(site, instead(ANYWHERE, "return 404;"))[0]
    assert "closed" in reached(site, instead(ANYWHERE, "return 444;"))[0]


def test_tls_is_not_found_at_a_port_for_plain_http(site: Site, tmp_path: Path) -> None:
    port = free_port()
    with Nginx(tmp_path / "plain", f"server {{ listen {port}; }}"):
        lines = site.look(site.options(port))
    assert "ask by the right port" in bad(lines)["reach"][2], text(lines)


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://registry.example.com", "https://registry.example.com"),
        ("https://registry.example.com/", "https://registry.example.com"),
        ("HTTPS://Registry.Example.com:443", "https://registry.example.com"),
        ("https://registry.example.com:8443", "https://registry.example.com:8443"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://[::1]:8082", "http://[::1]:8082"),
    ],
)
def test_an_address_is_what_clients_make_of_it(given: str, base: str) -> None:
    assert parse_url(given).base == base


@pytest.mark.parametrize(
    "given",
    [
        "", "registry.example.com", "ftp://a", "https://", "https://a:b", "https://a:99999",
        "https://name:secret@a", "https://a/v2", "https://a?x=secret", "https://a#b", "https://ä",
        "https://[::1", "unix:/run/registry.sock",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        parse_url(given)
    assert "secret" not in caught.value.message
