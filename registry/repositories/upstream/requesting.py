"""One request until its answer: the right door, credentials where asked for, redirects followed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import requests

from registry import __version__
from registry.model.via import current_way
from registry.repositories.upstream import limits, redirects
from registry.repositories.upstream.addresses import Standing
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.authorizing import Authorizing
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.challenges import parse_challenges
from registry.repositories.upstream.doors import Door
from registry.repositories.upstream.failures import (
    TRANSPORT_ERRORS,
    Failure,
    failure_of,
    is_stale,
)
from registry.repositories.upstream.sockets import Trust
from registry.repositories.upstream.terms import Surroundings, Terms

USER_AGENT: Final = f"docker-registry-on-files/{__version__}"
_TRIES: Final = 3


class Requester:
    """Asks one upstream registry; shared by all threads."""

    def __init__(self, terms: Terms, surroundings: Surroundings, trust: Trust) -> None:
        self._terms = terms
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.clear()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
        self._doors = {
            nearest: Door(terms, surroundings, trust, nearest)
            for nearest in (Standing.PUBLIC, Standing.PRIVATE, Standing.LOOPBACK)
        }
        self._proxies = {"http": terms.proxy, "https": terms.proxy} if terms.proxy else {}
        self._authorizing = Authorizing(terms, self._fetch_token)
        self._pseudonym = surroundings.pseudonym
        self._peer: Standing | None = None

    def ask(
        self, call: Call, method: str, url: str, image: str, headers: Mapping[str, str]
    ) -> Answer:
        """Return the answer of the upstream registry, or of where it leads.

        Raises:
            Failure, Limit: there is none that could be judged.
        """
        sent, last = self._authorizing.remembered(image), False
        answer = self._follow_with(call, method, url, headers, sent)
        for _ in range(_TRIES):
            if answer.status != 401 or answer.far or last:
                break
            with answer.closed_on_failure():
                challenges = parse_challenges(answer.headers("WWW-Authenticate"))
                header, last = self._authorizing.answer(call, challenges, image, sent)
            if not header:
                break
            answer.discard()
            sent = header
            answer = self._follow_with(call, method, url, headers, sent)
        return answer

    def follow(self, call: Call, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer of an address, or of where it leads; nothing is added to the headers.

        Raises:
            Failure: there is none, or it leads to where nobody may follow.
        """
        asked, sent = url, dict(headers)
        for _ in range(redirects.MOST + 1):
            answer = self._send(call, method, asked, sent)
            answer.far = redirects.origin(asked) != redirects.origin(url)
            if answer.status not in redirects.STATUSES:
                return answer
            location = answer.header("Location")
            answer.discard()
            led = redirects.target(asked, location)
            sent = redirects.headers_for(sent, asked, led)
            asked = led
        raise Failure("it leads on and on to other addresses")

    def peer(self, call: Call) -> Standing:
        """Return how near the upstream registry is; it is asked where that is not known.

        One that does not answer is taken for a public one, which may name the least.
        """
        if self._peer is None:
            with contextlib.suppress(Failure):
                self._send(call, "GET", f"{self._terms.place.root}/v2/", {}).discard()
        return self._peer or Standing.PUBLIC

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for door in self._doors.values():
            door.close()

    def _follow_with(
        self, call: Call, method: str, url: str, headers: Mapping[str, str], authorization: str
    ) -> Answer:
        secret = {"Authorization": authorization} if authorization else {}
        return self.follow(call, method, url, {**headers, **secret})

    def _fetch_token(self, call: Call, url: str, headers: Mapping[str, str]) -> Answer:
        return self.follow(call, "GET", url, {"Accept": "application/json", **headers})

    def _send(self, call: Call, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        place = redirects.origin(url)
        ours = place == self._terms.place.origin
        door = self._doors[self._nearest(call, ours)]
        try:
            sent = {**headers, **self._via()}
            request = self._session.prepare_request(requests.Request(method, url, sent))
            if redirects.origin(request.url or "") != place:
                raise Failure("it leads to an address that can be read in two ways")
            answer = self._send_twice(call, door, request)
        except TRANSPORT_ERRORS as error:
            failure = failure_of(error, place[1])
            # That somebody else is silent is no reason to leave the registry alone.
            raise Failure(failure.cause, silent=failure.silent and ours) from None
        if ours:
            self._learn(call, answer)
        return answer

    def _via(self) -> Mapping[str, str]:
        """Return the header that lets registries notice that they ask in a circle."""
        pseudonym = self._pseudonym()
        return {"Via": current_way().onward(pseudonym)} if pseudonym else {}

    def _send_twice(self, call: Call, door: Door, request: requests.PreparedRequest) -> Answer:
        """Send; and again where a connection that was kept had been closed in the meantime."""
        try:
            return self._send_once(call, door, request)
        except TRANSPORT_ERRORS as error:
            if not is_stale(error):
                raise
            return self._send_once(call, door, request)

    def _send_once(self, call: Call, door: Door, request: requests.PreparedRequest) -> Answer:
        with call.governs():
            return Answer(
                door.send(request, stream=True, timeout=call.patience(), proxies=self._proxies)
            )

    def _nearest(self, call: Call, ours: bool) -> Standing:
        if ours:
            return Standing.LOOPBACK
        return Standing.PRIVATE if call.peer is Standing.NEVER else call.peer or Standing.PUBLIC

    def _learn(self, call: Call, answer: Answer) -> None:
        call.heard = True
        call.allowance = limits.allowance_of(answer) or call.allowance
        self._peer = call.peer
