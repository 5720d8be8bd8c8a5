"""Carriers of messages. A sender is handed one message at a time and answers what became of it; it never decides whether to try again.

``SONGBAI_SMS_URL`` names the carrier (``https://…``; ``console:`` prints instead of sending), ``SONGBAI_SMS_KEY`` is its bearer token.
What is asked of a carrier over HTTP is in ``docs/messages.md``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import TextIO
from urllib.parse import urlsplit

import httpx

from settlement.messages.carrier import TIMEOUT, Answer, Failed, Message, Rejected, Sender, Sent
from settlement.outcomes import Reason, Refused
from settlement.people.identity import mask_phone


class ConsoleSender:
    """Prints messages, texts and codes included: for trying out on one's own machine only."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    def send(self, message: Message) -> Answer:
        words = "语音" if message.channel == "voice" else "短信"
        self._out.write(f"✉ {words} {message.channel} → {mask_phone(message.phone)}：{message.text}\n")
        self._out.flush()
        return Sent(f"console-{message.reference}")


AT_FAULT = frozenset({400, 410, 413, 415, 422})
LONGEST_ANSWER = 64 * 1024
LONGEST_WAIT = timedelta(hours=24)


class HttpSender:
    """POSTs one JSON object per message. Taken: any 2xx, and 409 (the carrier has this reference already). Never taken: what says that this very
    message is at fault (:data:`AT_FAULT`). All else, a wrong key or address and no answer in time included, is to be tried again. Redirects are not
    followed: the text would go elsewhere.

    Raises Refused(BAD_INPUT) for an address that is not https (http is taken for this machine only).
    """

    def __init__(self, url: str, key: str = "", *, transport: httpx.BaseTransport | None = None) -> None:
        logging.getLogger("httpx").setLevel(
            logging.WARNING
        )  # it would log the address, in which some carriers want their key
        parts = urlsplit(url)
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not (parts.scheme == "https" or (parts.scheme == "http" and here)) or not parts.hostname:
            raise Refused(Reason.BAD_INPUT, detail="SONGBAI_SMS_URL: https://…")
        self._url = url
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(timeout=TIMEOUT, headers=headers, follow_redirects=False, transport=transport)

    def __repr__(self) -> str:
        return "HttpSender()"  # neither address nor key belongs in a log

    def close(self) -> None:
        self._client.close()

    def send(self, message: Message) -> Answer:
        body = {"reference": message.reference, "channel": message.channel, "to": message.phone, "text": message.text}
        try:
            answer = self._client.post(self._url, json=body, headers={"Idempotency-Key": message.reference})
        except httpx.TimeoutException:
            return Failed("timeout")
        except httpx.HTTPError as error:
            return Failed(type(error).__name__)
        return _read(answer)


def _read(answer: httpx.Response) -> Answer:
    status = answer.status_code
    if 200 <= status < 300 or status == httpx.codes.CONFLICT:
        return Sent(_carrier_id(answer))
    if status in AT_FAULT:
        return Rejected(f"http {status}")
    return Failed(f"http {status}", _asked_to_wait(answer))


def _carrier_id(answer: httpx.Response) -> str:
    """``{"id": …}`` where the carrier says so."""
    if len(answer.content) > LONGEST_ANSWER:
        return ""
    try:
        told = answer.json()
    except ValueError:
        return ""
    id = told.get("id") if isinstance(told, dict) else None
    return str(id)[:120] if isinstance(id, str | int) else ""


def _asked_to_wait(answer: httpx.Response) -> timedelta | None:
    asked = answer.headers.get("Retry-After", "")
    return (
        min(timedelta(seconds=int(asked)), LONGEST_WAIT)
        if asked.isascii() and asked.isdigit() and len(asked) < 9
        else None
    )


def from_environment(environ: Mapping[str, str] = os.environ) -> Sender | None:
    """The district's carrier; None while none is configured: messages then wait in the outbox. Raises Refused(BAD_INPUT) as :class:`HttpSender`."""
    url = environ.get("SONGBAI_SMS_URL", "").strip()
    if not url:
        return None
    if url == "console:":
        return ConsoleSender()
    return HttpSender(url, environ.get("SONGBAI_SMS_KEY", ""))
