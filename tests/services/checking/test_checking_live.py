"""A check, a repair and a scrub of a storage folder that is in use."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.config import Config
from registry.services.instance import Instance
from registry.services.pruning import Limits, Options, Pruning
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import (
    CONFIG,
    IMAGE,
    LAYER,
    OCI_IMAGE,
    encoded,
    index_object,
    manifest_bytes,
    push,
    push_image,
    put_blob,
)
from tests.services.checking.stores import copy, found, pull_all

ROUNDS = 10


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here something happens between two looks."""
    monkeypatch.setattr("registry.services.inspection._PAUSE", 0.05)


@contextmanager
def working(works: list[Callable[[], None]]) -> Iterator[Callable[[], bool]]:
    """Do works over and over in threads; what is yielded tells whether they are still at it."""
    failures: list[BaseException] = []
    ended = threading.Event()

    def repeat(work: Callable[[], None]) -> None:
        try:
            while not ended.is_set():
                work()
        except BaseException as error:
            failures.append(error)
            ended.set()

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield lambda: not ended.is_set()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failures == []


def pusher(client: Client, seed: int) -> Callable[[], None]:
    """Return work on one image: everything that changes tags, manifests and links."""
    chance, number = random.Random(seed), 0
    image = IMAGE if seed % 2 else f"{IMAGE}/deep"

    def delete(reference: str) -> None:
        answer = client.request("DELETE", f"{image}/manifests/{reference}")
        assert answer.status_code in (202, 404, 405), answer.text

    def work() -> None:
        nonlocal number
        number += 1
        tag = f"live-{seed}-{chance.randrange(3)}"
        layer = f"{seed} {number}".encode()
        body = push_image(client, tag, image, layers=(layer, LAYER))
        if chance.random() < 0.4:
            signed = manifest_bytes(
                CONFIG, (layer,), subject={"mediaType": OCI_IMAGE, "size": len(body)} | digest(body)
            )
            push(client, digest(signed)["digest"], signed, image)
        if chance.random() < 0.4:
            push(client, tag, encoded(index_object([body])), image)
        if chance.random() < 0.5:
            delete(tag)
        if chance.random() < 0.2:
            delete(digest(body)["digest"])
        put_blob(client, layer, f"{image}-{seed}-{number % 3}")

    return work


def digest(body: bytes) -> dict[str, str]:
    from tests.http.support import digest_of

    return {"digest": digest_of(body)}


def pruner(instance: Instance) -> Callable[[], None]:
    """Return work that frees everything at once."""
    limits = Limits(grace=0.5, hold=0.2, trash=0.5, uploads=60)
    pruning = Pruning(instance.store, instance.definitions, limits)

    def work() -> None:
        pruning.run(Options(force=True))
        threading.Event().wait(0.1)

    return work


def test_what_is_in_use_is_no_finding(instance: Instance, client: Client) -> None:
    works = [pusher(client, seed) for seed in (1, 2, 3)]
    with working(works) as goes_on:
        for _ in range(ROUNDS):
            assert found(instance, days=0) == []
            assert goes_on()


def test_what_is_pruned_is_no_finding(instance: Instance, client: Client) -> None:
    with working([pusher(client, 1), pusher(client, 2), pruner(instance)]) as goes_on:
        for _ in range(ROUNDS):
            assert found(instance, days=0) == []
            assert goes_on()


def test_a_copy_is_healed_in_use(storage: Path, tmp_path: Path) -> None:
    folder = copy(storage, tmp_path / "split", hard_links=False)
    for instance in opened(Config(storage_root=str(folder))):
        client = Client(make_application(instance))
        with working([pusher(client, seed) for seed in (1, 2)]) as goes_on:
            assert instance.repairing.run(instance.checking.run) == []
            for _ in range(3):
                assert instance.scrubbing.run().is_clean
            assert goes_on()
        assert found(instance, deep=True, days=0) == []
        pull_all(client)
