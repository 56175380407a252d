"""A21: wrong passwords slow down whoever tries them, and nobody else."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from registry.access import lockout as module
from registry.access.authentication import Authentication, Secrets
from registry.access.lockout import FORGOTTEN, LONGEST, Lockout
from registry.access.policies import Locking, Policies
from registry.access.users import Users
from registry.model.errors import CredentialsWrong, TooManyAttempts
from registry.storage.store import Store
from tests.access.issuing import PASSWORD

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def lockout(store: Store, clock: list[float]) -> Lockout:
    return Lockout(Policies(store), lambda: clock[0])


def fail(lockout: Lockout, times: int, name: str = "alice", address: str = HERE) -> None:
    for _ in range(times):
        lockout.fail(name, address)


def wait(lockout: Lockout, name: str = "alice", address: str = HERE) -> int:
    """Return after how many seconds a try is let in."""
    try:
        lockout.admit(name, address)
    except TooManyAttempts as error:
        return error.seconds
    return 0


def test_ten_failures_cost_little_and_each_further_one_twice_as_much(
    lockout: Lockout, clock: list[float]
) -> None:
    fail(lockout, 9)
    assert wait(lockout) == 0
    pauses = []
    for _ in range(12):
        fail(lockout, 1)
        pauses.append(wait(lockout))
        clock[0] += pauses[-1]
        assert wait(lockout) == 0
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST, LONGEST, LONGEST]


def test_it_is_said_for_how_long(lockout: Lockout, clock: list[float]) -> None:
    fail(lockout, 13)
    assert wait(lockout) == 8
    clock[0] += 6.5
    assert wait(lockout) == 2


def test_other_users_and_other_addresses_are_not_concerned(lockout: Lockout) -> None:
    fail(lockout, 50)
    assert wait(lockout)
    assert wait(lockout, "bob") == 0
    assert wait(lockout, address=THERE) == 0
    assert wait(lockout, "alice", "") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True), ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True), ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("unix", "unix", True), ("no:address", "no:other", False),
    ],
)  # fmt: skip
def test_of_an_ipv6_address_the_network_counts(
    lockout: Lockout, one: str, other: str, same: bool
) -> None:
    """Whoever has one address there has 2**64 of them."""
    fail(lockout, 10, address=one)
    assert bool(wait(lockout, address=other)) is same


def test_a_success_and_an_hour_let_them_be_forgotten(lockout: Lockout, clock: list[float]) -> None:
    fail(lockout, 9)
    lockout.succeed("alice", HERE)
    fail(lockout, 9)
    assert wait(lockout) == 0
    clock[0] += FORGOTTEN
    fail(lockout, 9)
    assert wait(lockout) == 0
    fail(lockout, 1)
    assert wait(lockout) == 1


def test_the_policy_counts_at_once(lockout: Lockout, store: Store) -> None:
    fail(lockout, 3)
    Policies(store).set_locking(Locking(attempts=3))
    assert wait(lockout) == 1
    Policies(store).set_locking(Locking(enabled=False))
    assert wait(lockout) == 0


def test_an_admin_sees_who_waits_and_lets_them_go_on(lockout: Lockout) -> None:
    for address in (HERE, THERE):
        fail(lockout, 12, "alice", address)
    fail(lockout, 12, "bob")
    fail(lockout, 9, "carol")
    names = ["alice", "bob", "carol", "dave"]
    assert lockout.locked(names) == ["alice", "bob"]
    lockout.unlock("alice")
    assert lockout.locked(names) == ["bob"]
    assert wait(lockout) == wait(lockout, address=THERE) == 0
    lockout.unlock_all()
    assert lockout.locked(names) == []
    fail(lockout, 10)
    assert wait(lockout) == 1


def test_any_text_can_be_a_name(lockout: Lockout) -> None:
    for name in ("", "\0", "\ud800", "x" * 1_000_000, "alice\0", f"{HERE}\0alice"):
        fail(lockout, 10, name)
        assert wait(lockout, name) == 1
    assert wait(lockout) == 0


def test_a_flood_of_names_takes_no_more_memory_and_frees_nobody(
    lockout: Lockout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUCKETS", 4)
    fail(lockout, 12)
    size = len(lockout._words)
    for number in range(2000):
        fail(lockout, 1, f"user{number}")
    assert wait(lockout)
    assert len(lockout._words) == size


def test_all_workers_share_what_is_counted(lockout: Lockout) -> None:
    """They are forked, as the master forks them."""
    fork = multiprocessing.get_context("fork")
    for _ in range(5):
        worker = fork.Process(target=fail, args=(lockout, 2))
        worker.start()
        worker.join()
        assert worker.exitcode == 0
    assert wait(lockout) == 1


def test_what_waited_while_others_failed_is_not_looked_at(
    secrets: Secrets, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise as many tries as there are threads would get past the limit at once."""
    users.add("alice", PASSWORD)
    secrets.policies.set_locking(Locking(attempts=3))
    authentication = Authentication(secrets, 3600)
    looked: list[str] = []
    admitted: list[str] = []
    all_wait = threading.Event()
    admit = Lockout.admit

    def counted(self: Lockout, name: str, address: str) -> None:
        admit(self, name, address)
        admitted.append(name)
        if len(admitted) >= 12:
            all_wait.set()

    def slowly(password: str, stored: str) -> bool:
        assert all_wait.wait(30)
        looked.append(password)
        return False

    monkeypatch.setattr(Lockout, "admit", counted)
    monkeypatch.setattr("registry.access.passwords.verify_password", slowly)

    def attempt(number: int) -> None:
        with pytest.raises((CredentialsWrong, TooManyAttempts)):
            authentication.by_password("alice", f"wrong-{number}", HERE)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 3 <= len(looked) <= 4, "two are looked at at a time"


def test_a_right_password_lets_the_wrong_ones_be_forgotten(secrets: Secrets, users: Users) -> None:
    users.add("alice", PASSWORD)
    authentication = Authentication(secrets, 3600)
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(CredentialsWrong):
                authentication.by_password("alice", "wrong", HERE)
        assert authentication.by_password("alice", PASSWORD, HERE).name == "alice"


def test_a_right_password_waits_as_well_even_if_it_is_remembered(
    secrets: Secrets, users: Users
) -> None:
    """Otherwise the memory would tell right from wrong while nobody may try."""
    users.add("alice", PASSWORD)
    authentication = Authentication(secrets, 3600)
    authentication.by_password("alice", PASSWORD, HERE)
    for _ in range(11):
        secrets.lockout.fail("alice", HERE)
    with pytest.raises(TooManyAttempts):
        authentication.by_password("alice", PASSWORD, HERE)
    assert authentication.by_password("alice", PASSWORD, THERE).name == "alice"
    secrets.lockout.unlock("alice")
    assert authentication.by_password("alice", PASSWORD, HERE).name == "alice"


@pytest.mark.parametrize("name", ["alice", "nobody", "", "No/Name"])
def test_a19_unknown_users_are_counted_like_others(
    secrets: Secrets, users: Users, name: str
) -> None:
    users.add("alice", PASSWORD)
    authentication = Authentication(secrets, 3600)
    for _ in range(10):
        with pytest.raises(CredentialsWrong):
            authentication.by_password(name, "wrong", HERE)
    with pytest.raises(TooManyAttempts) as caught:
        authentication.by_password(name, "wrong", HERE)
    assert caught.value.message == "too many wrong passwords; wait before the next try"
