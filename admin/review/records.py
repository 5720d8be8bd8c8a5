"""Records of devices that somebody has to look at: in quarantine until a second person decides, or waiting for another record of their visit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, listing
from admin.frame.access import officer
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Choice
from admin.frame.listing import Column
from admin.review.parts import Why, asked, behind, desk
from settlement.db import among, listed
from settlement.outcomes import Reason, Refused
from settlement.providers.tables import devices, providers
from settlement.visits import quarantine, waiting
from settlement.visits.tables import door_events, visits

KINDS = {
    "check_in": "签到 check-in",
    "check_out": "签退 check-out",
    "debit": "扣款 debit",
    "cancel": "撤销签到 check-in taken back",
    "confirm": "事后答复 answer afterwards",
    "not_served": "未能服务 not served",
}
STATUS = {
    "quarantined": "待核定 in quarantine",
    "released": "已认可 counts",
    "rejected": "不予认可 does not count",
    "accepted": "已办理 accepted",
    "declined": "未能办理 declined",
    "waiting": "等待中 waiting",
}
WAITS_FOR = {
    "check_in": "签到 check-in",
    "check_out": "签退 check-out",
    "decision": "待核定的记录 a record in quarantine",
    "nothing": "该服务已了结，可以处理 nothing: its visit has ended",
}
SECRET = ("token", "card_no", "pin", "code", "digits")
"""Of a record's content: what opens a card is not shown."""
DECIDE = {"release": quarantine.release, "reject": quarantine.reject}
OUTCOMES = {
    "released": ("已认可并办理", "It counts now"),
    "waiting": ("已认可，等待该次服务的其他记录", "It counts, and waits for another record of its visit"),
    "rejected": ("不予认可，记录保留", "It does not count; it stays on record"),
}
DECLINED = ("已认可，但按规则未能办理", "It was let count, but declined by the rules")


class Decision(Why):
    decision = Choice(*DECIDE)


@desk.page("/quarantine", may="review.read", menu=("待核定记录", "Records in quarantine"))
def quarantined() -> Response | str:
    e = door_events.c
    columns = (
        Column("id", "记录", "record", e.id, link=_address, words=lambda value: value[:12]),
        Column("kind", "种类", "kind", e.kind, words=lambda value: KINDS.get(value, value)),
        Column("provider", "服务商", "provider", providers.c.name),
        Column("device_id", "设备", "device", e.device_id),
        Column("occurred_at", "发生", "occurred", e.occurred_at, kind="moment"),
        Column("received_at", "收到", "received", e.received_at, kind="moment"),
        Column("reason", "原因", "reason", e.reason, words=why_kept),
    )
    with looking() as conn:
        mine = _mine(conn, quarantine.waiting(conn))
        found = _events().where(among(conn.dialect.name, e.id, "ids")).params(ids=listed([row.id for row in mine]))
        shown = listing.look(conn, found, columns, sort="received_at", name="quarantine")
    return shown.download or render_template("review/quarantine.html", listed=shown)


@desk.page("/quarantine/<event_id>", may="review.read")
def record(event_id: str) -> str:
    with looking() as conn:
        row = _one(conn, event_id)
        tree = behind(conn, row.visit_id) if _known(conn, row.visit_id) else None
        town = quarantine.towns(conn, [row])[row.id]
    body = json.loads(row.canonical)["body"]
    shown: dict[str, Any] = {
        "row": row,
        "tree_of": tree,
        "town": town,
        "why": why_kept(row.reason) if row.reason else "",
    }
    shown["body"] = {name: value for name, value in body.items() if name not in SECRET}
    return render_template("review/record.html", **shown, kinds=KINDS, states=STATUS)


@desk.act("/quarantine/<event_id>/decide", may="quarantine.decide", shows=record)
def decide_record(event_id: str) -> Response:
    asked = forms.read(Decision)
    with acting() as act:
        _one(act.conn, event_id)
        outcome = DECIDE[asked["decision"]](act, here().ring, event_id, asked["why"])
    done(*OUTCOMES.get(outcome.status, DECLINED))
    return redirect(url_for("review.record", event_id=event_id), 303)  # type: ignore[return-value]


@desk.page("/waiting", may="review.read", menu=("等待中的记录", "Waiting records"))
def waiting_records() -> str:
    with looking() as conn:
        kept = waiting.listed(conn)
        mine = {row.id for row in _mine(conn, [each.event for each in kept])}
    rows = [each for each in kept if each.event.id in mine]
    wanted = asked("for")
    shown = [each for each in rows if wanted in ("", each.waits_for)]
    ended = sum(each.waits_for == "nothing" for each in rows)
    return render_template("review/waiting.html", rows=shown[:MOST], total=len(shown), most=MOST, ended=ended, **_WORDS)


@desk.act("/waiting/settle", may="visit.settle_waiting", shows=waiting_records)
def settle_waiting() -> Response:
    """An act for each visit: see :func:`waiting.settle_ended`."""
    with acting() as act:
        found = waiting.ended(act)
        if officer().town is not None:
            own = select(visits.c.id).where(visits.c.id.in_(found), visits.c.town == officer().town)
            found = list(act.conn.execute(own.order_by(visits.c.id)).scalars())
    decided = 0
    for visit_id in found:
        with acting() as act:
            decided += waiting.settle_ended(act, here().ring, visit_id)
    done(f"处理了{decided}条记录", f"{decided} records were decided")
    return redirect(url_for("review.waiting_records"), 303)  # type: ignore[return-value]


MOST = 300
"""Waiting records on one page, the longest first."""
_WORDS = {"waits_for": WAITS_FOR, "kinds": KINDS}


def why_kept(code: str) -> str:
    """A reason's words; what to do about it is on this page."""
    known = next((reason for reason in Reason if reason.code == code), None)
    if known is None:
        return code
    refused = Refused(known, days="—", minutes="—")
    return f"{refused.zh} {refused.en}"


def _mine(conn: Connection, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """A town sees its own people's records; those that name nobody we know are the district's."""
    town = officer().town
    if town is None:
        return list(rows)
    whose = quarantine.towns(conn, rows)
    return [row for row in rows if whose[row.id] == town]


def _events() -> Any:
    e = door_events.c
    return (
        select()
        .select_from(door_events)
        .join(devices, devices.c.id == e.device_id)
        .join(providers, providers.c.id == devices.c.provider_id)
    )


def _one(conn: Connection, event_id: str) -> Row[Any]:
    """A record that was in quarantine, decided or not. Raises Refused(NOT_FOUND)."""
    e = door_events.c
    columns = (door_events, devices.c.revoked_at, devices.c.revoked_reason, providers.c.name.label("provider"))
    query = _events().add_columns(*columns).where(e.id == event_id)
    found = conn.execute(query).one_or_none()
    in_question = found is not None and (found.status == "quarantined" or found.decided_by is not None)
    if found is None or not in_question or not _mine(conn, [found]):
        raise Refused(Reason.NOT_FOUND, what="event")
    return found


def _known(conn: Connection, visit_id: str | None) -> bool:
    return conn.execute(select(visits.c.id).where(visits.c.id == visit_id)).first() is not None


def _address(row: Row[Any]) -> str:
    return url_for("review.record", event_id=row.id)
