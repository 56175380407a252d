"""Who we are at an upstream registry: from a challenge to the header Authorization."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from registry.repositories.upstream import limits
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.challenges import Challenge
from registry.repositories.upstream.failures import Failure, Limit
from registry.repositories.upstream.realms import takes_credentials
from registry.repositories.upstream.terms import Terms
from registry.repositories.upstream.tokens import (
    ANSWER_LIMIT,
    Token,
    TokenKey,
    Tokens,
    parse_token,
)

_MOST: Final = 5000
_BEARER: Final = "Bearer "

Fetch = Callable[[Call, str, Mapping[str, str]], Answer]


class Authorizing:
    """Answers the challenges of one upstream registry, and remembers how it was done.

    A user name with a password, or with a token in its place, is shown by Basic or exchanged for
    tokens; a password without a user name is itself a token.
    """

    def __init__(self, terms: Terms, fetch: Fetch) -> None:
        self._terms = terms
        self._fetch = fetch
        self._tokens = Tokens()
        self._lock = threading.Lock()
        self._challenges: dict[str, Challenge] = {}

    def remembered(self, image: str) -> str:
        """Return the header with which an image was shown before; empty where none is known."""
        with self._lock:
            challenge = self._challenges.get(image)
        if challenge is None:
            return ""
        if challenge.scheme == "basic":
            return self._basic()
        if self._is_token():
            return _BEARER + self._terms.password
        token = self._tokens.known(self._key(challenge))
        return "" if token is None else _BEARER + token

    def answer(
        self, call: Call, challenges: Sequence[Challenge], image: str, refused: str
    ) -> tuple[str, bool]:
        """Return the header that answers one of the challenges, and whether it is the last one
        that can be tried; it is empty where nothing is left to try.

        Raises:
            Failure, Limit: no token comes, or credentials are asked for that there are not.
        """
        challenge = self._choose(challenges)
        self._remember(image, challenge)
        if challenge.scheme == "basic":
            header, last = self._basic(), True
        elif self._is_token():
            header, last = _BEARER + self._terms.password, True
        else:
            token, last = self._tokens.get(
                self._key(challenge),
                refused.removeprefix(_BEARER),
                lambda: self._new_token(call, challenge),
            )
            header = _BEARER + token
        return ("" if header == refused else header), last

    def _choose(self, challenges: Sequence[Challenge]) -> Challenge:
        for challenge in challenges:
            if challenge.scheme == "bearer" and (challenge["realm"] or self._is_token()):
                return challenge
        if not any(challenge.scheme == "basic" for challenge in challenges):
            raise Failure("it refuses, and asks for no credentials of a kind that is known")
        if not self._terms.username:
            raise Failure("it asks for a user name and a password, and none are configured")
        return next(challenge for challenge in challenges if challenge.scheme == "basic")

    def _new_token(self, call: Call, challenge: Challenge) -> Token:
        realm = challenge["realm"]
        trusted = takes_credentials(self._terms.place, realm, self._terms.any_host_auth)
        if self._terms.username and not trusted:
            raise Failure(
                "it wants the password to be sent to another host, which 'allowAnyHostAuth' forbids"
            )
        asked = [("service", challenge["service"])] if challenge["service"] else []
        asked += [("scope", scope) for scope in challenge["scope"].split()]
        headers = {}
        if self._terms.username:
            asked.append(("account", self._terms.username))
            headers["Authorization"] = self._basic()
        joined = "&" if "?" in realm else "?"
        answer = self._fetch(call, f"{realm}{joined}{urlencode(asked)}", headers)
        if answer.status != 200:
            raise self._refusal(call, answer)
        return parse_token(answer.body(call, ANSWER_LIMIT))

    def _refusal(self, call: Call, answer: Answer) -> Failure | Limit:
        answer.discard()
        if answer.status == 429:
            return Limit(
                "its token service has had too many requests", limits.seconds_to_wait(answer)
            )
        if answer.status in (401, 403):
            whom = "the user name or password" if self._terms.username else "anonymous callers"
            return Failure(f"its token service refuses {whom}", refused=not self._terms.username)
        return Failure(f"its token service answers {answer.status}")

    def _remember(self, image: str, challenge: Challenge) -> None:
        with self._lock:
            self._challenges.pop(image, None)
            self._challenges[image] = challenge
            while len(self._challenges) > _MOST:
                self._challenges.pop(next(iter(self._challenges)))

    def _key(self, challenge: Challenge) -> TokenKey:
        return challenge["realm"], challenge["service"], challenge["scope"], self._terms.username

    def _is_token(self) -> bool:
        return bool(self._terms.password) and not self._terms.username

    def _basic(self) -> str:
        pair = f"{self._terms.username}:{self._terms.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")
