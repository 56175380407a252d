from __future__ import annotations

import time

import pytest

from registry.access import passwords
from registry.access.passwords import VerifiedPasswords, hash_password, verify_password


@pytest.mark.parametrize("password", ["secret-1", "ü€𐍈 x", "a" * 1024, "\udcff raw", "$$$$", "a:b"])
def test_the_right_password_and_no_other_fits(password: str) -> None:
    stored = hash_password(password)
    assert verify_password(password, stored)
    for other in ("", password + " ", password[:-1], password.upper() + "x"):
        assert not verify_password(other, stored)


def test_each_hash_has_its_own_salt() -> None:
    first, second = hash_password("secret-1"), hash_password("secret-1")
    assert first != second
    assert "secret-1" not in first
    assert first.split("$")[:4] == ["scrypt", "16", "8", "1"]


def test_the_cost_is_the_recommended_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert (passwords._N, passwords._R, passwords._P) == (2**14, 8, 1)


@pytest.mark.parametrize(
    "stored",
    ["", "x", "scrypt", "scrypt$16$8$1$$", "scrypt$16$8$1$c2FsdA==$",
     "scrypt$0$8$1$c2FsdA==$aGFzaA==",
     "scrypt$-1$8$1$c2FsdA==$aGFzaA==", "scrypt$x$8$1$c2FsdA==$aGFzaA==", "scrypt$16$8$1$?$?",
     f"scrypt${2**70}$8$1$c2FsdA==$aGFzaA==", f"scrypt${2**30}$8$1$c2FsdA==$aGFzaA==",
     "plain$secret-1", "scrypt$16$8$1$c2FsdA==$aGFzaA==$more"],
)  # fmt: skip
def test_a_damaged_hash_fits_no_password(stored: str) -> None:
    for password in ("", "secret-1"):
        assert not verify_password(password, stored)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    original = passwords.verify_password

    def counting(password: str, stored: str) -> bool:
        seen.append(password)
        return original(password, stored)

    monkeypatch.setattr(passwords, "verify_password", counting)
    return seen


def test_a_right_password_is_remembered_for_a_while(
    counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = VerifiedPasswords(lifetime=300.0)
    stored = hash_password("secret-1")
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    for moment, checks in ((1000.0, 1), (1299.9, 1), (1300.0, 2), (1301.0, 2)):
        clock[0] = moment
        assert verified.verify("secret-1", stored)
        assert len(counted) == checks


def test_a_wrong_password_is_never_remembered(counted: list[str]) -> None:
    verified = VerifiedPasswords()
    stored = hash_password("secret-1")
    assert verified.verify("secret-1", stored)
    for n in range(3):
        assert not verified.verify("secret-2", stored)
        assert len(counted) == n + 2


def test_a_changed_password_is_not_answered_from_memory(counted: list[str]) -> None:
    verified = VerifiedPasswords()
    assert verified.verify("secret-1", hash_password("secret-1"))
    assert not verified.verify("secret-1", hash_password("secret-2"))
    assert len(counted) == 2


def test_the_border_between_hash_and_password_cannot_be_moved(counted: list[str]) -> None:
    verified = VerifiedPasswords()
    stored = hash_password("secret-1")
    assert verified.verify("secret-1", stored)
    assert not verified.verify("ecret-1", stored + "\0s")
    assert not verified.verify("", f"{stored}\0secret-1")


def test_the_memory_is_bounded() -> None:
    verified = VerifiedPasswords(capacity=3)
    for n in range(10):
        assert verified.verify(f"secret-{n}", hash_password(f"secret-{n}"))
        assert len(verified._until) <= 3
