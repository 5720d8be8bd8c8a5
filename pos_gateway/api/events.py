"""Events at the door: one by one, or a batch that waited for signal. Each is judged and committed by itself, in the
device's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Response, json
from sqlalchemy import Row

from pos_gateway.api import problems
from pos_gateway.api.access import acting, calling_device, note, passage
from pos_gateway.api.blueprint import IDEMPOTENCY_HEADER, StrictBlueprint, json_body, raw_json
from pos_gateway.api.gateway import here
from pos_gateway.api.schemas import AnyEvents, Outcome, Outcomes, SignedEvent, Upload
from settlement.db import reading
from settlement.outcomes import Reason, Refused
from settlement.together import Write
from settlement.visits import door, signed_event
from settlement.visits.door import EventOutcome
from settlement.visits.signed_event import EventMalformed

blueprint = StrictBlueprint("events", __name__, description="上门事件 Events at the door")


FORBIDDEN = frozenset({Reason.OTHER_PROVIDERS_ORDER})
"""What a device may not even leave a trace of in another provider's affairs."""


@dataclass(frozen=True)
class Told:
    """What became of one event, as it is told to its device."""

    status: str
    kept: bool
    reason: Reason | None = None
    details: dict[str, Any] = field(default_factory=dict)
    event_id: str | None = None
    counter: int | None = None
    replayed: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"event_id": self.event_id, "counter": self.counter}
        said |= {"status": self.status, "kept": self.kept}
        said |= {"replayed": self.replayed, "result": self.result}
        if self.errors is not None:
            said["errors"] = self.errors
        return said | (problems.words_of(self.reason, self.details) if self.reason else {})


def _refused(reason: Reason, event: signed_event.SignedEvent | None = None, **more: Any) -> Told:
    """An event of which nothing is kept."""
    if event is None:
        return Told("rejected", kept=False, reason=reason, **more)
    return Told("rejected", kept=False, reason=reason, event_id=event.hash, counter=event.counter, **more)


Along = Callable[[Told], Sequence[Write]]


def _take(device: Row[Any], envelope: Any, *, last: bool, along: Along | None = None) -> Told:
    """Judge one event and commit it, in a transaction of its own. ``last``: no event of this request comes after it; ``along``: what is to be
    written with it.

    What the device may not touch is refused, and nothing of it is kept. Only when later events follow in its chain is
    it kept, as declined: without it their signatures would prove no order.
    """
    try:
        event = signed_event.parse(envelope)
    except EventMalformed as error:
        return _refused(Reason.EVENT_MALFORMED, details={"detail": "errors"}, errors=error.errors)

    def with_it(outcome: EventOutcome) -> Sequence[Write]:
        if outcome.reason in FORBIDDEN and last:
            raise Refused(outcome.reason)
        return along(_told(event, outcome)) if along else ()

    tried = None
    if event.body.get("consent") == "pin":
        with reading(here().engine) as conn:
            tried = door.tried_ahead(conn, here().config.ring, event)
    try:
        with acting() as act:
            outcome = door.receive(act, here().config.ring, device, event, with_it, tried=tried)
    except Refused as refused:
        note(refused.reason)
        return _refused(refused.reason, event, details=refused.details, result=refused.details)
    if outcome.reason in FORBIDDEN:
        note(outcome.reason)
    return _told(event, outcome)


def _told(event: signed_event.SignedEvent, outcome: EventOutcome) -> Told:
    return Told(
        outcome.status,
        kept=True,
        reason=outcome.reason,
        details=outcome.details,
        event_id=outcome.event_id,
        counter=event.counter,
        replayed=outcome.replayed,
        result=outcome.result,
    )


def _answer_one(*kinds: str) -> Response:
    """One event, judged by the same path as a batch; its refusal is the answer's status. The answer is kept in the event's own transaction."""
    envelope = raw_json()
    kind = envelope["event"].get("kind") if _looks_like_event(envelope) else None
    if kind is not None and kind not in kinds:
        raise Refused(Reason.EVENT_KIND_WRONG, kind=str(kind)[:20])
    kept: list[Response] = []

    def along(told: Told) -> Sequence[Write]:
        kept.append(_response(told))
        return passage().remembering(kept[0])

    told = _take(calling_device(), envelope, last=True, along=along)
    passage().keep = told.kept
    passage().kept = told.kept and not told.replayed
    return kept[0] if passage().kept else _response(told)


def _response(told: Told) -> Response:
    if told.status in _STATUS:
        return Response(json.dumps(told.as_json()), status=_STATUS[told.status], mimetype="application/json")
    reason = told.reason or Reason.SERVER_FAULT
    return problems.problem(reason, told.details, outcome=told.as_json(), errors=told.errors or {})


_STATUS = {
    "accepted": HTTPStatus.CREATED,
    "released": HTTPStatus.CREATED,
    "waiting": HTTPStatus.ACCEPTED,
    "quarantined": HTTPStatus.ACCEPTED,
}
"""The others, declined and rejected, answer a problem with the reason's own status."""


def _looks_like_event(envelope: Any) -> bool:
    return isinstance(envelope, dict) and isinstance(envelope.get("event"), dict)


@blueprint.route("/events", methods=["POST"])
@blueprint.doc(parameters=[IDEMPOTENCY_HEADER], requestBody=json_body(Upload, "排队的事件 Queued events"))
@blueprint.response(200, Outcomes)
def upload() -> Response:
    """批量上传事件 Upload queued events

    按设备顺序发送，每个事件各有一个结果。Events go in the device's order; each is committed by itself and has one outcome: `accepted`,
    `declined` (kept, but for example without enough balance), `quarantined` (kept for a second person), or `rejected`
    (not kept when `kept` is false). A repeat answers the first outcome with `replayed`.
    """
    data = AnyEvents().load(raw_json())
    if len(data["events"]) > here().config.max_batch:
        raise Refused(Reason.BODY_TOO_LARGE)
    device = calling_device()
    newest = len(data["events"]) - 1
    told = [_take(device, envelope, last=place == newest) for place, envelope in enumerate(data["events"])]
    passage().keep = any(one.kept for one in told)
    body = {"outcomes": [one.as_json() for one in told]}
    return Response(json.dumps(body), status=200, mimetype="application/json")


def _single(path: str, name: str, text: str, *kinds: str) -> Callable[[], Response]:
    def view() -> Response:
        return _answer_one(*kinds)

    view.__name__, view.__doc__ = name, text
    described = blueprint.response(HTTPStatus.CREATED, Outcome)(view)
    described = blueprint.alt_response(
        HTTPStatus.ACCEPTED, schema=Outcome, description="已保存，待前一事件或待人工核定 kept: waiting or quarantined"
    )(described)
    body = json_body(SignedEvent, " / ".join(kinds))
    described = blueprint.doc(parameters=[IDEMPOTENCY_HEADER], requestBody=body)(described)
    routed: Callable[[], Response] = blueprint.route(path, methods=["POST"])(described)
    return routed


_single("/check-ins", "check_in", "签到 Check in", "check_in")
_single(
    "/check-outs",
    "check_out",
    "签退 Check out\n\n含服务项目和数量。With the visit's lines: items and quantities.",
    "check_out",
)
_single(
    "/debits",
    "debit",
    "扣款 Debit the card\n\n"
    "带老人同意方式；先补贴后个人，答复分项和余额。With the senior's consent; subsidy first, then own money; answers the split and the "
    "balances. A `confirm` event, the senior's later confirmation, goes here too.",
    "debit",
    "confirm",
)
_single("/cancellations", "cancellation", "撤回本设备的事件 Take back an event of this device", "cancel")
_single(
    "/voids", "void", "废单 Void a visit\n\n退款并需重新服务。The money goes back; the service is given again.", "void"
)
_single(
    "/not-served",
    "not_served",
    "上门未服务 At the door, not served\n\n"
    "无人在家、拒绝服务等，工单按原因结束。Nobody home, refused, and so on: the order ends with that reason.",
    "not_served",
)
