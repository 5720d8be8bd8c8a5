"""Enrolling a device: a one-time code for a key that the device proves to hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, json, request
from sqlalchemy import select

from pos_gateway import security_log
from pos_gateway.api.access import passage
from pos_gateway.api.blueprint import IDEMPOTENCY_HEADER, StrictBlueprint
from pos_gateway.api.gateway import here
from pos_gateway.api.schemas import Device, Enrolment
from settlement.act import Act, begin
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.providers import devices
from settlement.providers.tables import caregivers, providers
from settlement.visits import device_key
from settlement.visits.device_key import PublicKey
from settlement.visits.signed_event import moment

blueprint = StrictBlueprint("devices", __name__, description="设备 Devices")

ATTEMPTS_IN = timedelta(minutes=10)


def proposed_key() -> PublicKey:
    """The key in the body of an enrolment. The request must be signed with it, which proves that the device holds
    it."""
    body = request.get_json()
    jwk = body.get("public_key") if isinstance(body, dict) else None
    try:
        return device_key.from_jwk(jwk if isinstance(jwk, dict) else {})
    except device_key.KeyUnusable as error:
        raise Refused(Reason.BAD_INPUT, detail=f"public_key: {error}") from None


@blueprint.route("/devices", methods=["POST"])
@blueprint.doc(parameters=[IDEMPOTENCY_HEADER])
@blueprint.arguments(Enrolment)
@blueprint.response(201, Device)
def enrol(data: dict[str, Any]) -> Response:
    """启用设备 Enrol a device

    用一次性启用码登记设备公钥；请求须用该密钥签名。The one-time code comes from the provider's office; the request is signed with the
    new key, whose thumbprint is the `keyid`. Too many wrong codes from one source are refused for ten minutes.
    """
    gateway, now = here(), here().now()
    _limit_attempts()
    key = proposed_key()
    with begin(gateway.engine, passage().actor, now) as act:
        row = devices.enrol(
            act,
            gateway.config.ring,
            data["code"],
            device_key.algorithm_of(key),
            device_key.to_text(key),
            device_key.key_id(key),
        )
        body = _described(act, row) | {"server_time": moment(now)}
    passage().keep = True
    return Response(json.dumps(body), status=201, mimetype="application/json")


def _limit_attempts() -> None:
    gateway, now = here(), here().now()
    source = security_log.source_of(request.remote_addr, gateway.config.ring)
    with reading(gateway.engine) as conn:
        wrong = security_log.failures(conn, source, Reason.ENROLMENT_CODE_INVALID, now - ATTEMPTS_IN)
    if wrong >= gateway.config.enrolment_attempts:
        raise Refused(Reason.TOO_MANY_ATTEMPTS, minutes=ATTEMPTS_IN // timedelta(minutes=1))


def _described(act: Act, row: Any) -> dict[str, Any]:
    provider = act.conn.scalar(select(providers.c.name).where(providers.c.id == row.provider_id))
    staff_no = act.conn.scalar(select(caregivers.c.staff_no).where(caregivers.c.id == row.caregiver_id))
    named = {"device_id": row.id, "key_id": row.key_id, "kind": row.kind}
    return named | {"provider": provider, "caregiver": staff_no}
