"""C5 and TLS: what the machine says of proxies and passwords is not listened to, settings are."""

from __future__ import annotations

import selectors
import socket
from pathlib import Path

import pytest

from registry.model import media_types
from registry.model.names import ImageName, Tag
from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.upstream.names import cache_name
from registry.repositories.upstream.terms import Surroundings
from registry.repositories.upstream.upstreams import Upstreams
from tests.conftest import basic
from tests.repositories.upstream.asking import (
    DIGEST,
    IMAGE,
    LOOPBACK,
    MANIFEST,
    PASSWORD,
    SHORT,
    TAG,
    USER,
    Net,
    client,
    definition,
    filled,
)
from tests.support.nginx import Certificate, make_certificate
from tests.support.upstream import Answer, Request, ScriptedUpstream, Wire
from tests.support.upstream_answers import TokenService, challenges, error, redirects, replies
from tests.support.upstream_tls import server_context

NAMES = ("registry.example", "proxy.example", "registry-1.docker.io", "auth.docker.io")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), NAMES)


def test_c5_neither_netrc_nor_the_environment_is_used(
    upstream: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    upstream.script("/v2/", challenges("Basic realm=x"), upstream.content.answer)
    far = client(upstream.url)
    with pytest.raises(UpstreamFailed, match="none are configured"):
        far.manifest(IMAGE, TAG)
    assert ["authorization" in request.headers for request in upstream.asked()] == [False]


def test_c5_each_remote_has_connections_and_tokens_of_its_own(upstream: ScriptedUpstream) -> None:
    TokenService(upstream, {USER: PASSWORD})
    upstreams = Upstreams()
    one = definition(upstream.url, username=USER, password=PASSWORD)
    assert upstreams.of(one).manifest(IMAGE, TAG) is not None
    other = definition(upstream.url)
    with pytest.raises(UpstreamFailed):
        upstreams.of(other).manifest(IMAGE, TAG)


def test_a_client_is_the_same_while_its_definition_is(upstream: ScriptedUpstream) -> None:
    upstreams = Upstreams()
    far = upstreams.of(definition(upstream.url))
    assert upstreams.of(definition(upstream.url, description="other")) is far
    assert upstreams.of(definition(upstream.url, password="x")) is not far


def test_a_private_authority_is_trusted_where_it_is_named(
    certificate: Certificate, net: Net
) -> None:
    with ScriptedUpstream(tls=server_context(certificate)) as upstream:
        filled(upstream)
        net.names["registry.example"] = [("127.0.0.1", upstream.port)]
        named = net.surroundings(authorities=str(certificate.authority))
        assert client("https://registry.example", named).manifest(IMAGE, TAG) is not None
        far = client("https://registry.example", net.surroundings())
        with pytest.raises(UpstreamFailed, match=r"certificate of 'registry\.example' is not"):
            far.manifest(IMAGE, TAG)
        assert not far.paused_until


def test_tls_verifies_the_name_and_not_the_address(certificate: Certificate, net: Net) -> None:
    with ScriptedUpstream(tls=server_context(certificate)) as upstream:
        net.names["other.example"] = [("127.0.0.1", upstream.port)]
        named = net.surroundings(authorities=str(certificate.authority))
        with pytest.raises(UpstreamFailed, match="is not trusted"):
            client("https://other.example", named).manifest(IMAGE, TAG)
        assert upstream.requests == []


def test_an_authority_that_cannot_be_read_is_said(net: Net, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("none.pem", "empty.pem"):
        surroundings = Surroundings(authorities=str(tmp_path / name))
        with pytest.raises(UpstreamFailed, match="upstream_ca"):
            client("https://127.0.0.1:9", surroundings).manifest(IMAGE, TAG)


def test_a_server_without_tls_is_no_secure_one(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url.replace("http:", "https:"), socketTimeoutMillis=SHORT)
    with pytest.raises(UpstreamFailed):
        far.manifest(IMAGE, TAG)
    assert upstream.requests == []


def test_c2_a_secure_upstream_does_not_lead_to_an_insecure_address(
    certificate: Certificate, net: Net
) -> None:
    with (
        ScriptedUpstream(tls=server_context(certificate)) as upstream,
        ScriptedUpstream() as plain,
    ):
        net.names["registry.example"] = [("127.0.0.1", upstream.port)]
        upstream.script("/v2/", redirects(plain.url))
        named = net.surroundings(authorities=str(certificate.authority))
        far = client("https://registry.example", named)
        with pytest.raises(UpstreamFailed, match="secure address to one that is not"):
            far.manifest(IMAGE, TAG)
        assert plain.requests == []


def test_docker_hub_is_asked_as_docker_hub(certificate: Certificate, net: Net) -> None:
    """Its registry, its token service on another host, its names, and what it says of others."""
    with ScriptedUpstream(tls=server_context(certificate)) as hub:
        hub.manifest("library/alpine", "latest", MANIFEST)
        net.names = {name: [("127.0.0.1", hub.port)] for name in NAMES}
        tokens = TokenService(hub, {USER: PASSWORD}, realm="https://auth.docker.io/token")
        named = net.surroundings(authorities=str(certificate.authority))
        defined = definition("https://docker.io", username=USER, password=PASSWORD)
        far = Upstreams(named).of(defined)
        image = cache_name(defined, ImageName("alpine"))
        found = far.manifest(image, Tag("latest"))
        assert found is not None
        assert found.digest == DIGEST
        [asked] = hub.asked(part="/token")
        assert asked.headers["host"] == "auth.docker.io"
        assert asked.headers["authorization"] == basic(USER, PASSWORD)
        bearer = f'Bearer realm="{tokens.realm}",service="s",scope="a"'
        for method in ("GET", "HEAD"):
            hub.script("/no/such", challenges(bearer), challenges(
                f'{bearer},error="insufficient_scope"'), method=method)  # fmt: skip
        assert far.manifest(ImageName("no/such"), TAG) is None
        assert far.head_manifest(ImageName("no/such"), TAG) is None
        hub.script("/no/token", challenges(bearer))
        with pytest.raises(UpstreamFailed, match="401"):
            far.manifest(ImageName("no/token"), TAG)


def test_elsewhere_a_refusal_says_nothing_about_what_is_there(upstream: ScriptedUpstream) -> None:
    service = TokenService(upstream)
    bearer = f'Bearer realm="{service.realm}",scope="a",error="insufficient_scope"'
    upstream.script("/v2/", error(401, "DENIED", WWW_Authenticate=bearer))
    with pytest.raises(UpstreamFailed, match="401"):
        client(upstream.url).manifest(IMAGE, TAG)


def tunnels(port: int) -> Answer:
    """Answer CONNECT with a way to a port of this machine."""

    def answer(request: Request, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as other:
            ways = {wire.connection: other, other: wire.connection}
            with selectors.DefaultSelector() as ready:
                for end in ways:
                    ready.register(end, selectors.EVENT_READ, ways[end])
                while not wire.ending.is_set():
                    for key, _ in ready.select(0.05):
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return wire.close()
                        key.data.sendall(data)
        return wire.close()

    return answer


def test_a_proxy_leads_to_an_upstream(net: Net) -> None:
    with ScriptedUpstream() as proxy:
        answer = replies(200, MANIFEST, Content_Type=media_types.OCI_IMAGE)
        proxy.script("http://registry.example/v2/", answer)
        far = client("http://registry.example", net.surroundings(), proxy=proxy.url)
        assert far.manifest(IMAGE, TAG) is not None
        usual = net.surroundings(proxy=proxy.host)
        assert client("http://registry.example", usual).manifest(IMAGE, TAG) is not None
        with pytest.raises(UpstreamFailed, match="no address"):
            client("http://registry.example", usual, disableProxy=True).manifest(IMAGE, TAG)
        assert len(proxy.requests) == 2


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_leads_to_a_secure_upstream(
    certificate: Certificate, net: Net, secure: bool
) -> None:
    """The secure connection is with the upstream: the proxy sees no secret."""
    with (
        ScriptedUpstream(tls=server_context(certificate)) as upstream,
        ScriptedUpstream(tls=server_context(certificate) if secure else None) as proxy,
    ):
        filled(upstream)
        net.names["proxy.example"] = [("127.0.0.1", proxy.port)]
        upstream.script("/v2/", challenges("Basic realm=x"), upstream.content.answer)
        proxy.script("registry.example:443", tunnels(upstream.port), method="CONNECT")
        named = net.surroundings(authorities=str(certificate.authority))
        login = {"username": USER, "password": PASSWORD}
        address = f"{'https' if secure else 'http'}://proxy.example"
        far = client("https://registry.example", named, proxy=address, **login)
        assert far.manifest(IMAGE, TAG) is not None
        far.close()
        assert [request.method for request in proxy.requests] == ["CONNECT"]
        assert all("authorization" not in request.headers for request in proxy.requests)


@pytest.mark.parametrize("host", ["127.0.0.9", "2130706441", "sly.example"])
def test_c3_a_proxy_is_not_asked_for_what_is_inside(net: Net, host: str) -> None:
    net.names["sly.example"] = [(LOOPBACK, 80)]
    with ScriptedUpstream() as proxy:
        proxy.script("registry.example", redirects(f"http://{host}/x"))
        far = client("http://registry.example", net.surroundings(), proxy=proxy.url)
        with pytest.raises(UpstreamFailed, match="may not name"):
            far.manifest(IMAGE, TAG)
        assert len(proxy.requests) == 1


def test_a_proxy_that_is_down_or_refuses_fails(net: Net) -> None:
    with ScriptedUpstream() as proxy:
        proxy.script("", error(407, "X"))
        for url in ("https://registry.example", "http://registry.example"):
            with pytest.raises(UpstreamFailed, match=r"proxy|407"):
                client(url, net.surroundings(), proxy=proxy.url).manifest(IMAGE, TAG)
    with pytest.raises(UpstreamFailed):
        client("http://registry.example", net.surroundings(), proxy=proxy.url).tags(IMAGE)
    with pytest.raises(UpstreamFailed, match="proxy"):
        client("http://registry.example", proxy="socks5://127.0.0.1:1080").manifest(IMAGE, TAG)


def test_requests_come_from_the_local_address(upstream: ScriptedUpstream) -> None:
    assert client(upstream.url, localAddress="127.0.0.77").manifest(IMAGE, TAG) is not None
    assert upstream.asked()[0].client[0] == "127.0.0.77"
    with pytest.raises(UpstreamFailed, match="cannot be reached"):
        client(upstream.url, localAddress="192.0.2.77").manifest(IMAGE, TAG)
