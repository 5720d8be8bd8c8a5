"""Devices and terminals of a provider: enrolled with a code or key that is shown once, revoked and never deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, select

from admin.frame import forms, listing
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Form, Number, Text
from admin.frame.listing import Column
from admin.providers.desk import desk, provider
from settlement.outcomes import Reason, Refused
from settlement.providers import devices, terminals
from settlement.providers.tables import caregivers
from settlement.providers.tables import devices as device_rows
from settlement.providers.tables import terminals as terminal_rows

VALID_FOR = timedelta(hours=24)
"""So long a code to enrol a device may be used."""
E7 = 10_000_000


class NewCode(Form):
    kind = Choice("phone", "terminal")
    caregiver_id = Number(least=1, load_default=None)


class Reasoned(Form):
    reason = Text(most=80)


class NewTerminal(Form):
    terminal_id = Text(most=8)
    merchant_id = Text(most=15)
    latitude = Text(most=12, load_default=None)
    longitude = Text(most=12, load_default=None)


@desk.page("/<int:provider_id>/devices", may="providers.read")
def devices_of(provider_id: int) -> Response | str:
    d = device_rows.c
    columns = (
        Column("id", "设备编号", "device", d.id),
        Column("kind", "种类", "kind", d.kind, "code"),
        Column("staff_no", "归谁用（空为共用）", "whose (empty: shared)", caregivers.c.staff_no),
        Column("enrolled_at", "启用", "enrolled", d.enrolled_at, "moment"),
        Column("last_counter", "记录数", "events", d.last_counter, "number"),
        Column("revoked_at", "停用", "revoked", d.revoked_at, "moment"),
        Column("revoked_reason", "停用原因", "reason", d.revoked_reason),
    )
    joined = device_rows.outerjoin(caregivers, caregivers.c.id == d.caregiver_id)
    source = select().select_from(joined).where(d.provider_id == provider_id)
    with looking() as conn:
        row = provider(conn, provider_id)
        found = listing.look(conn, source, columns, sort="-enrolled_at", name=f"devices-{provider_id}")
        live = select(d.id, caregivers.c.staff_no).select_from(joined)
        live = live.where(d.provider_id == provider_id, d.revoked_at.is_(None)).order_by(d.enrolled_at)
        shown: dict[str, Any] = {"provider": row, "found": found, "live": conn.execute(live).all()}
        shown["staff"] = _staff(conn, provider_id)
    return found.download or render_template("providers/devices.html", **shown)


@desk.act("/<int:provider_id>/devices/code", may="device.enrol", shows=devices_of)
def make_code(provider_id: int) -> str:
    """The code stands on this one page and nowhere else."""
    given = forms.read(NewCode)
    with acting() as act:
        row = provider(act.conn, provider_id)
        code = devices.make_code(act, here().ring, provider_id, given["caregiver_id"], given["kind"], VALID_FOR)
    back = url_for("providers.devices_of", provider_id=provider_id)
    shown = [("启用码", "Enrolment code", code)]
    return render_template("providers/once.html", provider=row, shown=shown, back=back, until=here().now() + VALID_FOR)


@desk.act("/<int:provider_id>/devices/<device_id>/revoke", may="device.revoke")
def revoke_device(provider_id: int, device_id: str) -> Response:
    given = forms.read(Reasoned)
    with acting() as act:
        provider(act.conn, provider_id)
        _require_in(act.conn, device_rows, device_id, provider_id, "device")
        devices.revoke(act, device_id, given["reason"])
    done("设备已停用；此后上传的记录由镇街核定", "Revoked; what it sends later waits for the town")
    return redirect(url_for("providers.devices_of", provider_id=provider_id), 303)  # type: ignore[return-value]


@desk.page("/<int:provider_id>/terminals", may="providers.read")
def terminals_of(provider_id: int) -> Response | str:
    t = terminal_rows.c
    columns = (
        Column("id", "终端号", "terminal", t.id),
        Column("merchant_id", "商户号", "merchant", t.merchant_id),
        Column("registered_at", "登记", "registered", t.registered_at, "moment"),
        Column("revoked_at", "停用", "revoked", t.revoked_at, "moment"),
        Column("revoked_reason", "停用原因", "reason", t.revoked_reason),
    )
    source = select().select_from(terminal_rows).where(t.provider_id == provider_id)
    with looking() as conn:
        row = provider(conn, provider_id)
        found = listing.look(conn, source, columns, sort="id", name=f"terminals-{provider_id}")
        live = select(t.id).where(t.provider_id == provider_id, t.revoked_at.is_(None)).order_by(t.id)
        ids = list(conn.execute(live).scalars())
    return found.download or render_template("providers/terminals.html", provider=row, found=found, live=ids)


@desk.act("/<int:provider_id>/terminals", may="device.enrol", shows=terminals_of)
def register_terminal(provider_id: int) -> str:
    """The key stands on this one page and nowhere else."""
    given = forms.read(NewTerminal)
    place = {"latitude_e7": _e7("latitude", given, 90), "longitude_e7": _e7("longitude", given, 180)}
    with acting() as act:
        row = provider(act.conn, provider_id)
        made = terminals.register(act, here().ring, given["terminal_id"], given["merchant_id"], provider_id, **place)
    back = url_for("providers.terminals_of", provider_id=provider_id)
    key = " ".join(made.key[i : i + 4] for i in range(0, len(made.key), 4))
    shown = [("终端密钥", "Terminal key", key), ("校验值", "Check value", made.check)]
    return render_template("providers/once.html", provider=row, shown=shown, back=back, until=None)


@desk.act("/<int:provider_id>/terminals/<terminal_id>/revoke", may="device.revoke")
def revoke_terminal(provider_id: int, terminal_id: str) -> Response:
    given = forms.read(Reasoned)
    with acting() as act:
        provider(act.conn, provider_id)
        _require_in(act.conn, terminal_rows, terminal_id, provider_id, "terminal")
        terminals.revoke(act, terminal_id, given["reason"])
    done("终端已停用", "The terminal is revoked")
    return redirect(url_for("providers.terminals_of", provider_id=provider_id), 303)  # type: ignore[return-value]


def _require_in(conn: Connection, table: Any, id: str, provider_id: int, what: str) -> None:
    if conn.scalar(select(table.c.id).where(table.c.id == id, table.c.provider_id == provider_id)) is None:
        raise Refused(Reason.NOT_FOUND, what=what)


def _staff(conn: Connection, provider_id: int) -> list[tuple[int, str]]:
    c = caregivers.c
    query = select(c.id, c.staff_no, c.name).where(c.provider_id == provider_id, c.until_day.is_(None))
    return [(row.id, f"{row.staff_no} {row.name}") for row in conn.execute(query.order_by(c.staff_no))]


def _e7(name: str, given: dict[str, Any], most: int) -> int | None:
    """Degrees as people write them, to degrees x 10^7."""
    if given[name] is None:
        return None
    try:
        degrees = float(given[name])
    except ValueError:
        degrees = float("nan")
    if not -most <= degrees <= most:
        raise Refused(Reason.BAD_INPUT, detail=f"{name}: -{most} – {most}")
    return round(degrees * E7)
