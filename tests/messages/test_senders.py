"""Carriers: what is sent over real HTTP, how every answer is read, and what is never written anywhere."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from settlement.messages.carrier import Failed, Message, Rejected, Sent
from settlement.messages.senders import ConsoleSender, HttpSender, from_environment
from settlement.outcomes import Reason, Refused

HELLO = Message("songbai-7", "sms", "13800001111", "您好")


class Carrier:
    """An HTTP server on the loopback that answers what the test says and keeps what it was sent."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        carrier = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                carrier.heard.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
                status, headers, content = carrier.answers.pop(0) if carrier.answers else (200, {}, b"{}")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/messages"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    carrier = Carrier()
    yield carrier
    carrier.stop()


def test_a_message_over_http(carrier: Carrier) -> None:
    carrier.answers = [(202, {}, b'{"id": "abc-1"}')]
    sender = HttpSender(carrier.url, "secret")
    assert sender.send(HELLO) == Sent("abc-1")
    path, headers, body = carrier.heard[0]
    assert path == "/v1/messages"  # nothing personal in the address
    assert body == {"reference": "songbai-7", "channel": "sms", "to": "13800001111", "text": "您好"}
    assert headers["authorization"] == "Bearer secret"
    assert headers["idempotency-key"] == "songbai-7"
    assert headers["content-type"] == "application/json"
    assert "secret" not in repr(sender) and "13800001111" not in repr(HELLO)
    sender.close()


def test_the_carriers_address_with_its_key_is_in_no_log(carrier: Carrier, caplog: pytest.LogCaptureFixture) -> None:
    """Many carriers take their key in the address; the gateway logs from INFO on."""
    sender = HttpSender(carrier.url + "?apikey=s3cret")
    with caplog.at_level(logging.INFO):
        sender.send(HELLO)
    assert len(carrier.heard) == 1 and "s3cret" not in caplog.text
    sender.close()


@pytest.mark.parametrize(
    ("status", "headers", "content", "answer"),
    [
        (200, {}, b"", Sent("")),
        (200, {}, b"OK", Sent("")),
        (200, {}, b'["x"]', Sent("")),
        (200, {}, b'{"id": 42}', Sent("42")),
        (409, {}, b'{"id": "seen"}', Sent("seen")),  # the carrier has this reference already
        (400, {}, b"", Rejected("http 400")),
        (422, {}, b"", Rejected("http 422")),
        (401, {}, b"", Failed("http 401")),  # a wrong key is not the message's fault
        (404, {}, b"", Failed("http 404")),
        (302, {"Location": "http://127.0.0.1:1/"}, b"", Failed("http 302")),
        (500, {}, b"", Failed("http 500")),
        (503, {"Retry-After": "120"}, b"", Failed("http 503", timedelta(minutes=2))),
        (429, {"Retry-After": "99999999"}, b"", Failed("http 429", timedelta(hours=24))),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"", Failed("http 429")),
        (408, {}, b"", Failed("http 408")),
    ],
)
def test_every_answer_has_one_meaning(
    carrier: Carrier, status: int, headers: dict[str, str], content: bytes, answer: object
) -> None:
    carrier.answers = [(status, headers, content)]
    sender = HttpSender(carrier.url)
    assert sender.send(HELLO) == answer
    assert len(carrier.heard) == 1
    assert "authorization" not in carrier.heard[0][1]
    sender.close()


def test_nobody_answers() -> None:
    gone = Carrier()
    gone.stop()
    sender = HttpSender(gone.url)
    assert sender.send(HELLO) == Failed("ConnectError")
    sender.close()


@pytest.mark.parametrize("url", ["http://sms.example/v1", "ftp://sms.example", "sms.example", "https://"])
def test_only_an_address_that_hides_the_text(url: str) -> None:
    with pytest.raises(Refused) as caught:
        HttpSender(url)
    assert caught.value.reason is Reason.BAD_INPUT
    assert "sms.example" not in str(caught.value)


def test_the_console_prints_the_text_and_masks_the_number() -> None:
    out = io.StringIO()
    assert ConsoleSender(out).send(HELLO) == Sent("console-songbai-7")
    assert out.getvalue() == "✉ 短信 sms → 138****1111：您好\n"


def test_what_the_environment_says() -> None:
    assert from_environment({}) is None
    assert isinstance(from_environment({"SONGBAI_SMS_URL": "console:"}), ConsoleSender)
    found = from_environment({"SONGBAI_SMS_URL": "https://sms.example/v1", "SONGBAI_SMS_KEY": "k"})
    assert isinstance(found, HttpSender)
    found.close()
    with pytest.raises(Refused):
        from_environment({"SONGBAI_SMS_URL": "http://sms.example/v1"})
