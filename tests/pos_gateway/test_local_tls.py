"""The trial certificate: what a phone that installed the root checks, and what the root can never vouch for."""

from __future__ import annotations

import ssl
import threading
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from werkzeug.serving import make_server

from pos_gateway.local_tls import ensure
from settlement.clock import system_clock


def test_a_client_that_trusts_the_root_talks_to_the_server_and_one_that_does_not_refuses(tmp_path: Path) -> None:
    made = ensure(tmp_path / "tls", ["songbai.test"], system_clock())

    def hello(environ: dict, start: object) -> list[bytes]:
        start("200 OK", [])  # type: ignore[operator]
        return [b"hello"]

    server = make_server("127.0.0.1", 0, hello, threaded=True, ssl_context=(str(made.chain), str(made.key)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        for host in ("127.0.0.1", "localhost"):
            trusting = ssl.create_default_context(cafile=str(made.root))
            assert httpx.get(f"https://{host}:{server.server_port}/", verify=trusting).text == "hello"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://localhost:{server.server_port}/")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_key_is_the_servers_own_and_the_roots_is_kept_nowhere(tmp_path: Path) -> None:
    made = ensure(tmp_path, [], system_clock())
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["root.crt", "server.key", "server.pem"]
    assert (tmp_path / "server.pem").read_text().count("PRIVATE") == 0


def test_the_root_may_vouch_for_the_named_only(tmp_path: Path) -> None:
    root = x509.load_pem_x509_certificate(ensure(tmp_path, ["192.168.1.5"], system_clock()).root.read_bytes())
    limits = root.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical and limits.value.permitted_subtrees is not None
    assert [str(one.value) for one in limits.value.permitted_subtrees] == [
        "localhost",
        "127.0.0.1/32",
        "192.168.1.5/32",
    ]


def test_it_is_kept_until_it_ends_soon_or_a_name_is_missing(tmp_path: Path) -> None:
    now = system_clock()
    first = ensure(tmp_path, [], now).chain.read_bytes()
    assert ensure(tmp_path, ["localhost"], now + timedelta(days=300)).chain.read_bytes() == first
    second = ensure(tmp_path, ["192.168.1.5"], now).chain.read_bytes()
    assert second != first
    assert ensure(tmp_path, ["192.168.1.5"], now + timedelta(days=370)).chain.read_bytes() != second
