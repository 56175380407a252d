"""C3: what an upstream names does not lead inside; what an admin configures does."""

from __future__ import annotations

import socket

import pytest

from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.upstream.addresses import Standing, look_up, standing_of
from tests.repositories.upstream.asking import (
    IMAGE,
    LAYER,
    LAYER_DIGEST,
    LOOPBACK,
    METADATA,
    PRIVATE,
    PUBLIC,
    SECOND_PUBLIC,
    TAG,
    Net,
    client,
    filled,
    read_all,
)
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import TokenService, redirects, replies

NEARER = {
    PUBLIC: [PRIVATE, LOOPBACK, METADATA], PRIVATE: [LOOPBACK, METADATA], LOOPBACK: [METADATA],
}  # fmt: skip
"""What an upstream at an address may not name."""
PAIRS = [(at, named) for at, names in NEARER.items() for named in names]
GOOD_PAIRS = [
    (PUBLIC, SECOND_PUBLIC), (PRIVATE, PUBLIC), (PRIVATE, PRIVATE), (LOOPBACK, PUBLIC),
    (LOOPBACK, PRIVATE), (LOOPBACK, LOOPBACK),
]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "standing"),
    [
        ("8.8.8.8", Standing.PUBLIC), ("2606:4700::6810:85e5", Standing.PUBLIC),
        ("10.1.2.3", Standing.PRIVATE), ("172.16.0.1", Standing.PRIVATE),
        ("172.32.0.1", Standing.PUBLIC), ("192.168.1.1", Standing.PRIVATE),
        ("100.64.0.1", Standing.PRIVATE), ("198.18.0.1", Standing.PRIVATE),
        ("fd12:3456::1", Standing.PRIVATE), ("fec0::1", Standing.PRIVATE),
        ("127.0.0.1", Standing.LOOPBACK), ("127.255.255.254", Standing.LOOPBACK),
        ("0.0.0.0", Standing.LOOPBACK), ("0.1.2.3", Standing.LOOPBACK),
        ("::1", Standing.LOOPBACK), ("::", Standing.LOOPBACK),
        ("169.254.169.254", Standing.NEVER), ("169.254.1.1", Standing.NEVER),
        ("fe80::1", Standing.NEVER), ("fe80::1%eth0", Standing.NEVER),
        ("fd00:ec2::254", Standing.NEVER), ("100.100.100.200", Standing.NEVER),
        ("168.63.129.16", Standing.NEVER), ("192.0.0.192", Standing.NEVER),
        ("224.0.0.1", Standing.NEVER), ("ff02::1", Standing.NEVER),
        ("255.255.255.255", Standing.PRIVATE), ("240.0.0.1", Standing.PRIVATE),
        ("::ffff:127.0.0.1", Standing.LOOPBACK), ("::ffff:10.0.0.1", Standing.PRIVATE),
        ("::ffff:169.254.169.254", Standing.NEVER), ("::ffff:8.8.8.8", Standing.PUBLIC),
        ("::127.0.0.1", Standing.LOOPBACK), ("::ffff:0:127.0.0.1", Standing.LOOPBACK),
        ("64:ff9b::7f00:1", Standing.LOOPBACK), ("64:ff9b::a9fe:a9fe", Standing.NEVER),
        ("64:ff9b:1::a00:1", Standing.PRIVATE), ("2002:7f00:1::", Standing.LOOPBACK),
        ("2002:a9fe:a9fe::1", Standing.NEVER), ("2002:808:808::1", Standing.PUBLIC),
        ("nonsense", Standing.NEVER), ("", Standing.NEVER),
    ],
)  # fmt: skip
def test_c3_how_near_an_address_is(address: str, standing: Standing) -> None:
    assert standing_of(address) == standing


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1", "0",
             "localhost", "::1"]
)  # fmt: skip
def test_c3_every_form_of_a_number_is_looked_up_to_what_it_is(host: str) -> None:
    assert {standing_of(address) for address, _ in look_up(host, 80)} == {Standing.LOOPBACK}


@pytest.mark.parametrize(("at", "named"), PAIRS)
def test_c3_a_redirect_does_not_lead_inside(net: Net, at: str, named: str) -> None:
    with ScriptedUpstream(address=at) as upstream, ScriptedUpstream(address=named) as inside:
        net.names["sly.example"] = [(named, inside.port)]
        far = client(upstream.url, net.surroundings())
        for host in (inside.host, f"sly.example:{inside.port}"):
            upstream.script("/v2/", redirects(f"http://{host}/x?secret=1"))
            with pytest.raises(UpstreamFailed, match="may not name") as caught:
                far.manifest(IMAGE, TAG)
            assert "secret" not in str(caught.value)
        assert inside.requests == []
        assert far.paused_until is None


@pytest.mark.parametrize(("at", "named"), GOOD_PAIRS)
def test_a_redirect_leads_as_near_as_the_upstream_is_itself(net: Net, at: str, named: str) -> None:
    with ScriptedUpstream(address=at) as upstream, ScriptedUpstream(address=named) as other:
        other.script("/layer", replies(200, LAYER))
        upstream.script("/v2/", redirects(f"{other.url}/layer"))
        stream = client(upstream.url, net.surroundings()).open_blob(IMAGE, LAYER_DIGEST)
        assert stream is not None
        assert read_all(stream) == LAYER


def test_c3_a_way_over_a_public_server_does_not_lead_inside(net: Net) -> None:
    """It is the server that names the next address whose own address counts."""
    with (
        ScriptedUpstream(address=PRIVATE) as upstream,
        ScriptedUpstream(address=PUBLIC) as outside,
        ScriptedUpstream(address=PRIVATE) as inside,
    ):
        upstream.script("/v2/", redirects(f"{outside.url}/x"))
        outside.script("/x", redirects(f"{inside.url}/y"))
        with pytest.raises(UpstreamFailed, match="may not name"):
            client(upstream.url, net.surroundings()).manifest(IMAGE, TAG)
        assert inside.requests == []


@pytest.mark.parametrize(("at", "named"), PAIRS)
def test_c3_a_realm_does_not_lead_inside(net: Net, at: str, named: str) -> None:
    with ScriptedUpstream(address=at) as upstream, ScriptedUpstream(address=named) as inside:
        TokenService(upstream, realm=f"{inside.url}/token")
        with pytest.raises(UpstreamFailed, match="may not name"):
            client(upstream.url, net.surroundings()).manifest(IMAGE, TAG)
        assert inside.requests == []


@pytest.mark.parametrize(("at", "named"), PAIRS)
def test_c3_the_address_of_a_layer_does_not_lead_inside(net: Net, at: str, named: str) -> None:
    with ScriptedUpstream(address=at) as upstream, ScriptedUpstream(address=named) as inside:
        far = client(upstream.url, net.surroundings())
        with pytest.raises(UpstreamFailed, match="may not name"):
            far.open_foreign([f"{inside.url}/layer"], LAYER_DIGEST, len(LAYER))
        assert inside.requests == []


@pytest.mark.parametrize("at", [PUBLIC, PRIVATE, LOOPBACK, METADATA])
def test_what_an_admin_configures_is_asked_wherever_it_is(net: Net, at: str) -> None:
    with ScriptedUpstream(address=at) as upstream:
        filled(upstream)
        assert client(upstream.url, net.surroundings()).manifest(IMAGE, TAG) is not None


def test_an_upstream_may_have_an_address_of_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("the machine has no IPv6")
    with ScriptedUpstream(address="::1") as upstream:
        filled(upstream)
        upstream.script("/blobs/", redirects(f"{upstream.url}/moved"))
        upstream.script("/moved", replies(200, LAYER))
        far = client(upstream.url)
        assert far.manifest(IMAGE, TAG) is not None
        assert far.head_blob(IMAGE, LAYER_DIGEST) == len(LAYER)


def test_a_configured_name_may_be_inside_but_not_a_metadata_service(net: Net) -> None:
    with ScriptedUpstream(address=PRIVATE) as upstream:
        filled(upstream)
        net.names["registry.example"] = [(PRIVATE, upstream.port)]
        far = client("http://registry.example", net.surroundings())
        assert far.manifest(IMAGE, TAG) is not None
    with ScriptedUpstream(address=METADATA) as service:
        net.names["registry.example"] = [(METADATA, service.port)]
        with pytest.raises(UpstreamFailed, match="may not name"):
            client("http://registry.example", net.surroundings()).manifest(IMAGE, TAG)
        assert service.requests == []


def test_c3_a_name_is_looked_up_once_and_the_checked_address_is_asked(net: Net) -> None:
    """A name service that says something else the second time gains nothing."""
    with ScriptedUpstream() as upstream, ScriptedUpstream(address=LOOPBACK) as inside:
        with ScriptedUpstream(address=SECOND_PUBLIC) as storage:
            storage.script("/layer", replies(200, LAYER))
            answers = iter([[(SECOND_PUBLIC, storage.port)], [(LOOPBACK, inside.port)]])
            surroundings = net.surroundings()
            plain = net.look_up
            net.look_up = (  # type: ignore[method-assign]
                lambda host, port: next(answers) if host == "cdn.example" else plain(host, port)
            )
            surroundings = net.surroundings()
            upstream.script("/v2/", redirects("http://cdn.example/layer"))
            far = client(upstream.url, surroundings)
            assert far.head_blob(IMAGE, LAYER_DIGEST) == len(LAYER)
            assert len(storage.requests) == 1
            storage.down()
            with pytest.raises(UpstreamFailed, match="may not name"):
                far.head_blob(IMAGE, LAYER_DIGEST)
        assert inside.requests == []


def test_c3_one_bad_address_among_good_ones_spoils_the_name(net: Net) -> None:
    with ScriptedUpstream() as upstream, ScriptedUpstream(address=LOOPBACK) as inside:
        net.names["cdn.example"] = [(SECOND_PUBLIC, 9), (LOOPBACK, inside.port)]
        upstream.script("/v2/", redirects("http://cdn.example/layer"))
        with pytest.raises(UpstreamFailed, match="may not name"):
            client(upstream.url, net.surroundings()).manifest(IMAGE, TAG)
        assert inside.requests == []


def test_c3_a_connection_is_not_lent_to_who_may_not_have_it(net: Net) -> None:
    """The upstream's own, and one that a nearer server has named, are kept apart by trust."""
    with ScriptedUpstream() as upstream, ScriptedUpstream(address=PRIVATE) as inside:
        net.names["inside.example"] = [(PRIVATE, inside.port)]
        net.names["near.example"] = [(PRIVATE, inside.port)]
        inside.script("/v2/", redirects("http://inside.example/layer"))
        inside.script("/layer", replies(200, LAYER))
        surroundings = net.surroundings()
        near = client("http://near.example", surroundings)
        assert near.head_blob(IMAGE, LAYER_DIGEST) == len(LAYER)
        # From now on the name of the upstream means a public server.
        inside.script("/v2/", redirects(upstream.url + "/x"))
        upstream.script("/x", redirects("http://inside.example/layer"))
        asked = len(inside.asked(part="/layer"))
        with pytest.raises(UpstreamFailed, match="may not name"):
            near.head_blob(IMAGE, LAYER_DIGEST)
        assert len(inside.asked(part="/layer")) == asked


def test_a_second_address_is_tried_where_the_first_is_down(net: Net) -> None:
    with ScriptedUpstream() as gone:
        port = gone.port
    with ScriptedUpstream(address=SECOND_PUBLIC) as upstream:
        filled(upstream)
        net.names["registry.example"] = [(PUBLIC, port), (SECOND_PUBLIC, upstream.port)]
        far = client("http://registry.example", net.surroundings())
        assert far.manifest(IMAGE, TAG) is not None


def test_addresses_that_lead_nowhere_leave_time_for_one_that_does(net: Net) -> None:
    with ScriptedUpstream(address=SECOND_PUBLIC) as upstream, socket.socket() as full:
        filled(upstream)
        full.bind((PUBLIC, 0))
        full.listen(0)
        nowhere = (PUBLIC, full.getsockname()[1])
        # Nobody accepts, so that after this one nobody is even answered.
        with socket.create_connection(nowhere):
            net.names["registry.example"] = [nowhere] * 4 + [(SECOND_PUBLIC, upstream.port)]
            surroundings = net.surroundings()
            far = client("http://registry.example", surroundings, socketTimeoutMillis=400)
            assert far.manifest(IMAGE, TAG) is not None


def test_a_name_without_an_address_fails(net: Net) -> None:
    with pytest.raises(UpstreamFailed, match=r"'registry\.example' has no address"):
        client("http://registry.example", net.surroundings()).manifest(IMAGE, TAG)
