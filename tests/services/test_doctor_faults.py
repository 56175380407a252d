"""The doctor from outside, against deliberately bad configurations of a real nginx."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry.model.diagnosis import Verdict
from tests.services.doctoring import (
    ANYWHERE,
    FAIL,
    IMPATIENT,
    WARN,
    Edit,
    Site,
    bad,
    instead,
    text,
    without,
)
from tests.support.live import LiveServer

VERSION = "Docker-Distribution-Api-Version"
CHANGED = "sub_filter_types application/octet-stream; sub_filter 'a' 'b';"
FAULTS: dict[str, tuple[Edit, dict[str, tuple[Verdict, str]]]] = {
    "body size": (
        instead("client_max_body_size", "client_max_body_size 1m;"),
        {"size": (FAIL, "client_max_body_size 0;"), "upload": (FAIL, "client_max_body_size 0;")},
    ),
    "buffering": (
        without("proxy_request_buffering"),
        {"buffering": (WARN, "proxy_request_buffering off;")},
    ),
    "old protocol": (
        without("proxy_http_version"),
        {"buffering": (WARN, "proxy_http_version 1.1;")},
    ),
    "scheme": (
        without("proxy_set_header X-Forwarded-Proto"),
        {"challenge": (FAIL, "proxy_set_header X-Forwarded-Proto $scheme;")},
    ),
    "wrong scheme": (
        instead("proxy_set_header X-Forwarded-Proto", "proxy_set_header X-Forwarded-Proto http;"),
        {"challenge": (FAIL, "proxy_set_header X-Forwarded-Proto $scheme;")},
    ),
    "host without port": (
        lambda text: text.replace("$http_host;", "$host;"),
        {"challenge": (FAIL, "proxy_set_header Host $http_host;")},
    ),
    "forwarded host": (
        instead("proxy_set_header X-Forwarded-Host", "proxy_set_header X-Forwarded-Host $host;"),
        {"challenge": (FAIL, "proxy_set_header X-Forwarded-Host $http_host;")},
    ),
    "no offload": (
        instead("proxy_set_header X-Registry-Offload", 'proxy_set_header X-Registry-Offload "";'),
        {"offload": (WARN, "proxy_set_header X-Registry-Offload /_content/;")},
    ),
    "offload to nowhere": (
        instead("proxy_set_header X-Registry-Offload", "proxy_set_header X-Registry-Offload /x;"),
        {"offload": (WARN, "with a slash at both ends")},
    ),
    "offload unsaid": (
        without("add_header X-Registry-Sent-By"),
        {"offload": (WARN, "add_header X-Registry-Sent-By proxy always;")},
    ),
    "wrong folder": (
        lambda text: text.replace("filestore/;", "elsewhere/;"),
        {"pull": (FAIL, "alias STORAGE/filestore/")},
    ),
    "doubled header": (
        instead(ANYWHERE, f"add_header {VERSION} registry/2.0 always;"),
        {"version": (FAIL, f"no add_header {VERSION}"), "headers": (FAIL, "no add_header")},
    ),
    "hidden header": (
        instead(ANYWHERE, f"proxy_hide_header {VERSION};"),
        {
            "version": (FAIL, f"no proxy_hide_header {VERSION}"),
            "headers": (FAIL, "changed"),
        },
    ),
    "doubled header of layers": (
        instead("add_header X-Registry-Sent-By",
                "add_header X-Registry-Sent-By proxy; add_header ETag x;"),
        {"headers": (FAIL, "no add_header")},
    ),
    "compressed": (
        instead("gzip off", "gzip on; gzip_types *; gzip_proxied any;"),
        {"headers": (FAIL, "gzip off;"), "pull": (FAIL, "no gzip")},
    ),
    "changed": (
        lambda text: instead(ANYWHERE, CHANGED)(
            instead("proxy_set_header X-Registry-Offload",
                    'proxy_set_header X-Registry-Offload "";')(text)
        ),
        {"pull": (FAIL, "no sub_filter"), "headers": (FAIL, ""), "offload": (WARN, ""),
         "range": (FAIL, "")},
    ),
    "short headers": (
        without("large_client_header_buffers"),
        {"header": (WARN, "large_client_header_buffers 4 32k;")},
    ),
    "shorter headers": (
        instead("large_client_header_buffers", "large_client_header_buffers 4 4k;"),
        {"header": (FAIL, "large_client_header_buffers 4 32k;")},
    ),
    "nicer paths": (
        instead("proxy_pass http://registry", "proxy_pass http://registry/;"),
        {"path": (FAIL, "proxy_pass without a path behind the host")},
    ),
    "no encoded slashes": (
        instead(ANYWHERE, "if ($request_uri ~ %2F) { return 404; }"),
        {"path": (FAIL, "paths with an encoded slash (answered with 404) — ")},
    ),
    "no doubled slashes": (
        instead(ANYWHERE, "if ($request_uri ~ //) { return 403; }"),
        {"path": (FAIL, "paths with a doubled slash (answered with 403) — ")},
    ),
    "no ranges": (
        instead("sendfile", "max_ranges 0;"),
        {"range": (FAIL, "no max_ranges")},
    ),
    "address": (
        instead("proxy_set_header X-Forwarded-For", 'proxy_set_header X-Forwarded-For "";'),
        {"address": (WARN, "proxy_set_header X-Forwarded-For $remote_addr;")},
    ),
    "believed address": (
        without("proxy_set_header X-Forwarded-For"),
        {
            "spoofing": (FAIL, "proxy_set_header X-Forwarded-For $remote_addr;"),
            "address": (WARN, "proxy_set_header X-Forwarded-For $remote_addr;"),
        },
    ),
    "believed host": (
        without("proxy_set_header X-Forwarded-Host"),
        {"spoofing": (FAIL, "proxy_set_header X-Forwarded-Host $http_host;")},
    ),
    "believed path": (
        without("proxy_set_header X-Original-URI"),
        {"spoofing": (FAIL, "proxy_set_header X-Original-URI $request_uri;")},
    ),
    "believed location": (
        without("proxy_set_header X-Registry-Offload"),
        {
            "offload": (WARN, "proxy_set_header X-Registry-Offload /_content/;"),
            "spoofing": (FAIL, "proxy_set_header X-Registry-Offload"),
        },
    ),
    "password of its own": (
        instead(ANYWHERE, 'auth_basic "front"; auth_basic_user_file /dev/null;'),
        {
            "login": (FAIL, "no auth_basic"),
            "challenge": (FAIL, "no auth_basic"),
            "version": (FAIL, "is missing"),
            "header": (WARN, "cannot be seen"),
        },
    ),
    "no REST": (
        instead(ANYWHERE, "location /artifactory/ { return 404; }"),
        {
            "login": (WARN, "let the proxy pass /artifactory/ on"),
            "address": (WARN, "--user"),
        },
    ),
    "reading only": (
        instead(ANYWHERE, "if ($request_method = DELETE) { return 405; }"),
        {"cleaning": (WARN, "let the proxy pass DELETE on")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_with_its_remedy_and_nothing_else_is(site: Site, fault: str) -> None:
    edit, expected = FAULTS[fault]
    lines = site.look_through(edit, patience=IMPATIENT if "buffering" in expected else 30.0)
    found = bad(lines)
    assert set(found) == set(expected), text(lines)
    for check, (verdict, remedy) in expected.items():
        assert found[check][0] is verdict, text(lines)
        assert remedy in f"{found[check][1]} — {found[check][2]}", text(lines)


def test_a_client_that_is_cut_off_when_it_stops_is_told(site: Site) -> None:
    lines = site.look_through(instead("client_body_timeout", "client_body_timeout 1s;"), pause=2.5)
    assert set(bad(lines)) == {"pause"}, text(lines)
    verdict, what, remedy = bad(lines)["pause"]
    assert verdict is FAIL
    assert "stops for 2.5 s" in what
    assert "client_body_timeout 900s;" in remedy


def test_without_credentials_of_an_admin_the_remedy_names_all_that_may_help(site: Site) -> None:
    edit = without("proxy_set_header X-Forwarded-Proto")
    remedy = bad(site.look_through(edit, login=None))["challenge"][2]
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in remedy
    assert "trusted_proxies" in remedy
    edit = instead("proxy_set_header X-Registry-Offload", 'proxy_set_header X-Registry-Offload "";')
    assert "trusted_proxies" in bad(site.look_through(edit, login=None))["offload"][2]


def test_a_location_that_a_client_makes_up_is_seen_without_an_admin(site: Site) -> None:
    edit = without("proxy_set_header X-Registry-Offload")
    lines = site.look_through(edit, login=None)
    assert "X-Registry-Offload" in bad(lines)["spoofing"][1], text(lines)


# --- a server that does not believe its proxy ----------------------------------------------------


def test_a_server_that_believes_nobody_has_the_remedy_in_its_settings(
    site: Site, tmp_path: Path
) -> None:
    with LiveServer(tmp_path / "storage", workers=1) as server:
        lines = replace(site, server=server, folder=tmp_path).look_through()
    assert set(bad(lines)) == {"challenge", "offload", "address"}, text(lines)
    for check in ("challenge", "offload", "address"):
        remedy = bad(lines)[check][2]
        assert remedy == 'trusted_proxies = ["127.0.0.1"] in the settings of the server'


def test_an_external_url_that_is_not_that_of_the_clients(site: Site, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('trusted_proxies = ["127.0.0.1"]\nexternal_url = "https://other.example"\n')
    named = {"REGISTRY_CONFIG": str(settings)}
    with LiveServer(tmp_path / "storage", workers=1, settings=named) as server:
        lines = replace(site, server=server, folder=tmp_path).look_through()
    assert set(bad(lines)) == {"challenge"}, text(lines)
    assert "external_url is 'https://other.example'" in bad(lines)["challenge"][2]
