"""A device's side of the gateway: it holds the key, the counter and the chain, signs, queues while there is no
signal, and retries.

    client = DeviceClient("https://gateway.example", device_key.generate(ED25519), clock=system_clock, caregiver="0017")
    client.enrol("ABCD-EFGH-JKMN")
    check_in = client.record("check_in", {"order_id": "o1", "method": "card_qr", "token": code})
    for outcome in client.send():
        print(outcome["status"], outcome.get("zh"))

An event is signed when it is recorded and stays queued until the server has it. Sending the same queue again uses the
same idempotency key; even with another one the server would know each event by its hash. With a ``journal`` the queue
outlives the program.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from pos_gateway import http_signatures
from pos_gateway.http_signatures import Message
from settlement.clock import Clock
from settlement.visits import device_key, signed_event
from settlement.visits.device_key import PrivateKey
from settlement.visits.signed_event import FIRST_PREV, SignedEvent, moment

BEIJING = timezone(timedelta(hours=8))
API = "/api/v1"
BATCH = 500
SINGLE = {
    "check_in": "/check-ins",
    "check_out": "/check-outs",
    "debit": "/debits",
    "confirm": "/debits",
    "cancel": "/cancellations",
    "void": "/voids",
    "not_served": "/not-served",
}


class Unreachable(Exception):
    """No answer came, or only faults of the server. What was queued stays queued."""


class Problem(Exception):
    """The gateway refused. ``code`` is stable; ``body`` is the whole problem, with what to do."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", status))
        super().__init__(f"{self.code}: {body.get('zh', '')} | {body.get('en', '')}")


@dataclass
class Chain:
    """What a device must never lose: how far it has counted, the hash of its last event, and what the server does not
    have yet."""

    device_id: str | None = None
    counter: int = 0
    prev: str = FIRST_PREV
    queue: list[SignedEvent] = field(default_factory=list)

    def write(self, path: Path) -> None:
        plain: dict[str, Any] = {"device_id": self.device_id, "counter": self.counter, "prev": self.prev}
        plain["queue"] = [event.envelope() for event in self.queue]
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(plain, ensure_ascii=False))
        beside.replace(path)  # a crash leaves the old journal or the new one, never half of one

    @classmethod
    def read(cls, path: Path) -> Self:
        plain = json.loads(path.read_text())
        queue = [signed_event.parse(envelope) for envelope in plain.pop("queue")]
        return cls(**plain, queue=queue)


class DeviceClient:
    """One device. ``caregiver``: the staff number its events name; ``boot``: this run since power-on;
    ``monotonic_ms``: its clock.

    ``http`` replaces the connection (tests call the application without a network); ``attempts`` counts the tries for
    one answer.
    """

    def __init__(
        self,
        base_url: str,
        key: PrivateKey,
        *,
        clock: Clock,
        caregiver: str = "",
        boot: str = "boot-1",
        monotonic_ms: Callable[[], int] | None = None,
        journal: Path | None = None,
        http: httpx.Client | None = None,
        attempts: int = 3,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.key = key
        self.key_id = device_key.key_id(key.public_key())
        self.caregiver = caregiver
        self.boot = boot
        self._clock = clock
        self._monotonic_ms = monotonic_ms or (lambda: time.monotonic_ns() // 1_000_000)
        self._journal = journal
        self._http = http or httpx.Client(base_url=base_url, timeout=20)
        self._attempts = attempts
        self._pause = pause
        self.chain = Chain.read(journal) if journal and journal.exists() else Chain()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    # -- enrolment ---------------------------------------------------------------------------------------------------
    def enrol(self, code: str) -> dict[str, Any]:
        """Register this device's key with a one-time code. Raises Problem(enrolment_code_invalid)."""
        body = {"code": code, "public_key": device_key.to_jwk(self.key.public_key())}
        answer = self._json(self.call("POST", "/devices", body, idempotency_key=self._derived_key(body)))
        self.chain.device_id = answer["device_id"]
        self._save()
        return answer

    # -- events ------------------------------------------------------------------------------------------------------
    def record(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        occurred_at: datetime | None = None,
        caregiver: str | None = None,
    ) -> SignedEvent:
        """Sign what just happened and queue it. Raises EventMalformed when the body has not the kind's form."""
        if self.chain.device_id is None:
            raise ValueError("enrol the device first")
        event = signed_event.sign(
            {
                "kind": kind,
                "device_id": self.chain.device_id,
                "counter": self.chain.counter + 1,
                "prev": self.chain.prev,
                "occurred_at": moment((occurred_at or self._clock()).astimezone(BEIJING)),
                "boot": self.boot,
                "mono_ms": self._monotonic_ms(),
                "caregiver": caregiver or self.caregiver,
                "body": dict(body),
            },
            self.key,
        )
        self.chain.queue.append(event)
        self.chain.counter, self.chain.prev = event.counter, event.hash
        self._save()
        return event

    def send(self) -> list[dict[str, Any]]:
        """Send what is queued, oldest first, and answer the outcomes. Raises Unreachable (the rest stays queued) and
        Problem.

        An event leaves the queue when the server keeps it, or when it is the newest and refused for good.
        """
        outcomes: list[dict[str, Any]] = []
        while self.chain.queue:
            part = self.chain.queue[:BATCH]
            body = {"events": [event.envelope() for event in part]}
            answer = self._json(self.call("POST", "/events", body, idempotency_key=self._derived_key(body)))
            told = answer["outcomes"]
            outcomes += told
            waiting = self._settle(part, told)
            if waiting:
                break
        return outcomes

    def submit(self, kind: str, body: Mapping[str, Any], **when: Any) -> dict[str, Any]:
        """Record one event and send it at once by its own address; queued ones go before it. Answers its outcome,
        refusals included.

        Raises Unreachable, with the event queued.
        """
        if self.chain.queue:
            self.record(kind, body, **when)
            return self.send()[-1]
        event = self.record(kind, body, **when)
        envelope = event.envelope()
        response = self.call("POST", SINGLE[kind], envelope, idempotency_key=self._derived_key(envelope))
        answer = response.json()
        told: dict[str, Any] = answer.get("outcome", answer)
        if "status" not in told or "kept" not in told:
            raise Problem(response.status_code, answer)
        self._settle([event], [told])
        return told

    def _settle(self, sent: list[SignedEvent], told: list[dict[str, Any]]) -> bool:
        """Take from the queue what the server has or will never have; whether anything sent stays.

        A refused event that is the newest is undone: the server never knew it, so its number is free. One that others
        were signed after stays and goes before them, for their chain leads through it.
        """
        for event, one in zip(reversed(sent), reversed(told), strict=True):
            if one["kept"]:
                self.chain.queue.remove(event)
            elif not one.get("retry", False) and event.counter == self.chain.counter:
                self.chain.queue.remove(event)
                self.chain.counter, self.chain.prev = event.counter - 1, event.prev
        self._save()
        return any(event in self.chain.queue for event in sent)

    # -- inquiries ---------------------------------------------------------------------------------------------------
    def balance(self, token: str) -> dict[str, Any]:
        return self._json(self.call("POST", "/balance-inquiries", {"token": token}))

    def movements(self, token: str, limit: int = 10) -> list[dict[str, Any]]:
        answer = self._json(self.call("POST", "/movement-inquiries", {"token": token, "limit": limit}))
        found: list[dict[str, Any]] = answer["movements"]
        return found

    def orders(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json(self.call("GET", "/work-orders"))["orders"]
        return found

    # -- transport ---------------------------------------------------------------------------------------------------
    def call(self, method: str, path: str, body: Any = None, *, idempotency_key: str | None = None) -> httpx.Response:
        """One signed request, tried again with the same idempotency key while no answer comes or the server is at
        fault."""
        for attempt in range(self._attempts):
            if attempt:
                self._pause(2.0**attempt)
            try:
                response = self._http.send(self.request(method, path, body, idempotency_key=idempotency_key))
            except httpx.TransportError:
                continue
            if response.status_code < 500:
                return response
        raise Unreachable(f"{method} {path}")

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        idempotency_key: str | None = None,
        nonce: str | None = None,
        created: datetime | None = None,
    ) -> httpx.Request:
        """A signed request, not yet sent."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        content = b""
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False).encode()
        request = self._http.build_request(method, API + path, content=content or None, headers=headers)
        message = Message(method, str(request.url), request.headers, content)
        at = (created or self._clock()).astimezone(UTC)
        http_signatures.sign(message, self.key, created=at, nonce=nonce or secrets.token_urlsafe(18))
        return request

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        answer: dict[str, Any] = response.json()
        if response.is_error:
            raise Problem(response.status_code, answer)
        return answer

    def _derived_key(self, body: Any) -> str:
        """The same content gets the same key, however often and after whatever crash it is sent."""
        return hashlib.sha256(f"{self.key_id} {json.dumps(body, sort_keys=True)}".encode()).hexdigest()[:40]

    def _save(self) -> None:
        if self._journal:
            self.chain.write(self._journal)
