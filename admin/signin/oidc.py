"""OpenID Connect, as a client: the authorisation code with PKCE, and an identity token that is checked to the letter.

The provider is one and the same for the whole console, named by its operator. What it says is taken for who somebody is, never for what they may do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from admin.frame.console import SingleSignOn
from settlement.outcomes import Reason, Refused

PATIENCE_S = 10.0
CLOCKS_DIFFER_S = 60
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""With a key pair: a token that anybody could have made, or whoever knows our secret, is none."""


class Asked(NamedTuple):
    """What a browser keeps while it is at the provider's."""

    state: str
    nonce: str
    verifier: str


def leave_for(single: SingleSignOn, redirect_uri: str) -> tuple[str, Asked]:
    """The provider's address to send the browser to. Raises Refused(SINGLE_SIGN_ON_DOWN)."""
    asked = Asked(*(generate_token(48) for _ in Asked._fields))
    address = prepare_grant_uri(
        _described(single)["authorization_endpoint"],
        client_id=single.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope="openid",
        state=asked.state,
        nonce=asked.nonce,
        code_challenge=create_s256_code_challenge(asked.verifier),
        code_challenge_method="S256",
    )
    return str(address), asked


def identity(single: SingleSignOn, redirect_uri: str, asked: Asked, code: str, now: datetime) -> str:
    """Whom the provider says it is, by the claim agreed upon. Raises Refused: SINGLE_SIGN_ON_DOWN, SINGLE_SIGN_ON_REFUSED."""
    told = _described(single)
    try:
        tokens = _tokens(single, told["token_endpoint"], redirect_uri, asked, code)
        token = jwt.decode(tokens["id_token"], KeySet.import_key_set(_get(told["jwks_uri"])), algorithms=ALGORITHMS)
        _check(single, token.claims, asked.nonce, now)
        name = token.claims[single.claim]
    except httpx.HTTPError as error:
        raise Refused(Reason.SINGLE_SIGN_ON_DOWN) from error
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise Refused(Reason.SINGLE_SIGN_ON_REFUSED) from error
    if not isinstance(name, str) or not name:
        raise Refused(Reason.SINGLE_SIGN_ON_REFUSED)
    return name


def _check(single: SingleSignOn, claims: dict[str, Any], nonce: str, now: datetime) -> None:
    """Raise JoseError unless the token is the provider's, for us, for this sign-in, and of now."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=CLOCKS_DIFFER_S,
        iss={"essential": True, "value": single.issuer},
        aud={"essential": True, "value": single.client_id},
        nonce={"essential": True, "value": nonce},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        azp={"value": single.client_id},
    )
    registry.validate(claims)


def _tokens(single: SingleSignOn, endpoint: str, redirect_uri: str, asked: Asked, code: str) -> dict[str, Any]:
    """What the provider gives for a code. Raises httpx.TransportError, Refused(SINGLE_SIGN_ON_REFUSED), ValueError for an answer that is no JSON."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    answer = httpx.post(
        endpoint,
        data=form | {"code_verifier": asked.verifier},
        auth=(quote_plus(single.client_id), quote_plus(single.client_secret)),
        timeout=PATIENCE_S,
    )
    if answer.status_code != 200:
        raise Refused(Reason.SINGLE_SIGN_ON_REFUSED)
    told: dict[str, Any] = answer.json()
    return told


def _described(single: SingleSignOn) -> dict[str, Any]:
    """Where the provider's addresses are, by its own description."""
    told = _get(f"{single.issuer.rstrip('/')}/.well-known/openid-configuration")
    needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if told.get("issuer") != single.issuer or not all(isinstance(told.get(name), str) for name in needed):
        raise Refused(Reason.SINGLE_SIGN_ON_DOWN)
    return told


def _get(address: str) -> Any:
    try:
        answer = httpx.get(address, timeout=PATIENCE_S).raise_for_status()
        told = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Refused(Reason.SINGLE_SIGN_ON_DOWN) from error
    if not isinstance(told, dict):
        raise Refused(Reason.SINGLE_SIGN_ON_DOWN)
    return told
