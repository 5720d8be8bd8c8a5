"""A small OpenID provider on a loopback socket: describes itself, lets whoever it is told in, hands out tokens for codes. ``twist`` spoils one thing."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

CLIENT, SECRET = "songbai", "between-the-two-of-us"
Claims = dict[str, Any]


def _as_it_is(claims: Claims) -> Claims:
    return claims


@dataclass
class Provider:
    """``subject``: who sits at the browser. ``clock``: its time."""

    clock: Callable[[], datetime]
    subject: str = "town.wang"
    twist: Callable[[Claims], Claims] = _as_it_is
    issuer: str = ""
    called: str | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}, private=True))
    signs_with: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        pages = {
            "/.well-known/openid-configuration": self._description,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": self._keys,
        }
        return pages[request.path](request)(environ, start_response)

    def _description(self, request: Request) -> Response:
        told = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return _json(
            {"issuer": self.called or self.issuer} | {name: f"{self.issuer}/{at}" for name, at in told.items()}
        )

    def _keys(self, request: Request) -> Response:
        return _json(KeySet([self.key]).as_dict(private=False))

    def _authorize(self, request: Request) -> Response:
        asked = request.args.to_dict()
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT and "openid" in asked["scope"]
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return Response(
            status=302,
            headers={"Location": f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"},
        )

    def _token(self, request: Request) -> Response:
        asked = self.codes.pop(request.form["code"], None)
        who = request.authorization
        if asked is None or who is None or (who.username, who.password) != (CLIENT, SECRET):
            return _json({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked["code_challenge"] != challenge or asked["redirect_uri"] != request.form["redirect_uri"]:
            return _json({"error": "invalid_grant"}, 400)
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
        }
        token = jwt.encode({"alg": "RS256", "kid": "1"}, self.twist(claims), self.signs_with or self.key)
        return _json({"access_token": "x", "token_type": "Bearer", "id_token": token})


def _json(told: Any, status: int = 200) -> Response:
    return Response(json.dumps(told), status, mimetype="application/json")


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    server = make_server("127.0.0.1", 0, provider, threaded=True, request_handler=_Silent)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()
