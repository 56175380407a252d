from __future__ import annotations

import os
import threading

import pytest

from registry.access.keys import KEPT, SigningKeys
from registry.access.tokens import Tokens
from registry.model.errors import TokenInvalid
from registry.storage.store import Store


def test_the_first_key_is_made_on_first_use(keys: SigningKeys, store: Store) -> None:
    assert not os.path.exists(store.layout.keys())
    (secret,) = keys.current()
    assert len(secret) >= 43
    assert keys.current() == [secret]
    keys.ensure()
    assert SigningKeys(Store(store.layout.root)).current() == [secret]


def test_the_keys_are_private(keys: SigningKeys, store: Store) -> None:
    for change in (keys.ensure, keys.rotate):
        change()
        assert os.stat(store.layout.keys()).st_mode & 0o777 == 0o600


def test_a_rotation_adds_one_and_forgets_the_oldest(keys: SigningKeys) -> None:
    seen = keys.current()
    for n in range(2, KEPT + 3):
        assert keys.rotate() == min(n, KEPT)
        seen += keys.current()[-1:]
        assert keys.current() == seen[-KEPT:]
    assert len(set(seen)) == len(seen)


def test_a_rotation_before_the_first_use_makes_a_key(keys: SigningKeys) -> None:
    assert keys.rotate() == 1
    assert len(keys.current()) == 1


def test_old_tokens_verify_until_their_key_drops_out(keys: SigningKeys) -> None:
    tokens = Tokens(keys)
    issued = [tokens.issue("alice", "c", {}, 3600)]
    for _ in range(KEPT + 1):
        keys.rotate()
        issued.append(tokens.issue("alice", "c", {}, 3600))
        for age, token in enumerate(reversed(issued)):
            for verifier in (tokens, Tokens(keys)):
                if age < KEPT:
                    assert verifier.verify(token).user == "alice"
                else:
                    with pytest.raises(TokenInvalid):
                        verifier.verify(token)


def test_new_tokens_are_signed_with_the_new_key_only(
    keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.ensure()
    keys.rotate()
    old, new = keys.current()
    token = Tokens(keys).issue("alice", "c", {}, 3600)
    monkeypatch.setattr(keys, "current", lambda: [old])
    with pytest.raises(TokenInvalid):
        Tokens(keys).verify(token)
    monkeypatch.setattr(keys, "current", lambda: [new])
    assert Tokens(keys).verify(token).user == "alice"


def test_many_first_uses_agree_on_one_key(store: Store) -> None:
    found: list[list[str]] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(SigningKeys(Store(store.layout.root)).current())
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(one == found[0] for one in found)
