"""Caregivers of a provider: employed, trained, certified; their papers, portraits, badges and staff PINs."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, Select, and_, or_, select

from admin.frame import forms, listing, scope
from admin.frame.access import actor
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Choice, Day, Form, Many, Number, Text
from admin.frame.listing import Column
from admin.frame.words import last_day
from admin.providers.desk import ONE_DAY, desk, provider, scheme_codes, scheme_on, theirs, today
from settlement import papers
from settlement.act import begin
from settlement.cards import badge_sheet
from settlement.outcomes import Reason, Refused
from settlement.people import cells
from settlement.people.faults import Wrong
from settlement.people.identity import mask_phone
from settlement.providers import badges, caregivers, photos, rights
from settlement.providers.tables import badges as badge_rows
from settlement.providers.tables import caregivers as rows
from settlement.providers.tables import contracts, providers, staff_pins
from settlement.visits.day import HOTLINE


class NewCaregiver(Form):
    staff_no = Text(most=40)
    name = Text(most=80)
    phone = Text(most=20, load_default=None)
    from_day = Day()


class On(Form):
    day = Day()


class Paper(Form):
    kind = Choice(*photos.KINDS)


class Pin(Form):
    pin = Text(most=12)
    pin_again = Text(most=12)


class Ticked(Form):
    caregiver = Many(Number(least=1, most=forms.LARGEST_ID))


@desk.page("/<int:provider_id>/caregivers", may="providers.read")
def staff_of(provider_id: int) -> Response | str:
    c, b, pin = rows.c, badge_rows.c, staff_pins.c
    day = today()
    columns = (
        Column("id", "编号", "no.", c.id, hidden=True),
        Column("staff_no", "工号", "staff no.", c.staff_no),
        Column("name", "姓名", "name", c.name, link=lambda row: url_for("providers.caregiver", caregiver_id=row.id)),
        Column("trained_on", "培训合格", "trained", c.trained_on, "day"),
        Column("certificate_until", "证书有效至", "certified until", c.certificate_until, "day", words=last_day),
        Column("from_day", "入职", "from", c.from_day, "day"),
        Column("until_day", "最后工作日", "last day", c.until_day, "day", words=last_day),
        Column("badge", "工作证", "badge made", b.made_at, "day"),
        Column("pin", "工作密码", "staff PIN", pin.set_at, "day"),
    )
    source = (
        select()
        .select_from(rows.outerjoin(badge_rows, and_(b.caregiver_id == c.id, b.dead_from.is_(None))))
        .outerjoin(staff_pins, pin.caregiver_id == c.id)
        .where(c.provider_id == provider_id)
    )
    show = request.args.get("show", "working")
    working = and_(c.from_day <= day, or_(c.until_day.is_(None), c.until_day > day))
    unfit = and_(working, or_(c.trained_on.is_(None), c.trained_on > day, c.certificate_until <= day))
    source = source.where({"working": working, "unfit": unfit}.get(show, c.id.is_not(None)))
    with looking() as conn:
        row = provider(conn, provider_id)
        found = listing.look(conn, source, columns, sort="staff_no", name=f"caregivers-{provider_id}")
    return found.download or render_template("providers/staff.html", provider=row, found=found, show=show, today=day)


@desk.act("/<int:provider_id>/caregivers", may="caregiver.manage", shows=staff_of)
def employ(provider_id: int) -> Response:
    given = forms.read(NewCaregiver)
    with acting() as act:
        provider(act.conn, provider_id)
        facts = {"from_day": given["from_day"], "phone": _phone(given["phone"])}
        id = caregivers.employ(act, here().ring, provider_id, given["staff_no"], given["name"], **facts)
    done("已登记，培训合格后可以上岗", "Entered; may work once trained")
    return redirect(url_for("providers.caregiver", caregiver_id=id), 303)  # type: ignore[return-value]


@desk.page("/caregivers/<int:caregiver_id>", may="providers.read")
def caregiver(caregiver_id: int) -> str:
    with looking() as conn:
        row = _caregiver(conn, caregiver_id)
        badge = select(badge_rows.c.made_at).where(
            badge_rows.c.caregiver_id == caregiver_id, badge_rows.c.dead_from.is_(None)
        )
        pin = select(staff_pins.c.set_at, staff_pins.c.wrong).where(staff_pins.c.caregiver_id == caregiver_id)
        shown: dict[str, Any] = {"row": row, "badge": conn.execute(badge).scalar_one_or_none()}
        shown |= {"pin": conn.execute(pin).one_or_none(), "papers": papers.of(conn, photos.about(caregiver_id))}
    phone = mask_phone(here().ring.decrypt(row.phone_cipher, caregivers.PHONE)) if row.phone_cipher else None
    why_not = rights.work_refused(row, today())
    shown |= {"phone": phone, "why_not": why_not.words if why_not else None, "kinds": photos.KINDS}
    return render_template("providers/caregiver.html", **shown, one_day=ONE_DAY, tries=badges.TRIES)


@desk.act("/caregivers/<int:caregiver_id>/train", may="caregiver.manage", shows=caregiver)
def train(caregiver_id: int) -> Response:
    given = forms.read(On)
    with acting() as act:
        _caregiver(act.conn, caregiver_id)
        if given["day"] > today():
            raise Refused(Reason.DAY_IN_FUTURE, day=given["day"])
        caregivers.train(act, caregiver_id, given["day"])
    return _back(caregiver_id, "培训合格已登记", "The training is entered")


@desk.act("/caregivers/<int:caregiver_id>/certify", may="caregiver.manage", shows=caregiver)
def certify(caregiver_id: int) -> Response:
    given = forms.read(On)
    with acting() as act:
        _caregiver(act.conn, caregiver_id)
        caregivers.certify(act, caregiver_id, given["day"] + ONE_DAY)
    return _back(caregiver_id, "证书有效期已登记", "The certificate is entered")


@desk.act("/caregivers/<int:caregiver_id>/dismiss", may="caregiver.manage", shows=caregiver)
def dismiss(caregiver_id: int) -> Response:
    given = forms.read(On)
    with acting() as act:
        _caregiver(act.conn, caregiver_id)
        caregivers.dismiss(act, caregiver_id, given["day"])
    return _back(caregiver_id, "离职已登记；本人的设备请另行停用", "Entered; revoke the person's device separately")


@desk.act("/caregivers/<int:caregiver_id>/papers", may="caregiver.manage", shows=caregiver)
def put_paper(caregiver_id: int) -> Response:
    given, file = forms.read(Paper), forms.upload("file", papers.LARGEST)
    with acting() as act:
        _caregiver(act.conn, caregiver_id)
        if file is None:
            raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
        photos.put(act, here().ring, caregiver_id, given["kind"], file.filename or "", file.read())
    return _back(caregiver_id, "文件已上传", "The file is kept")


@desk.page("/caregivers/<int:caregiver_id>/papers/<int:paper_id>", may="caregiver.manage")
def paper(caregiver_id: int, paper_id: int) -> Response:
    with begin(here().engine, actor(), here().now()) as act:
        _caregiver(act.conn, caregiver_id)
        found = papers.get(act, here().ring, paper_id, photos.about(caregiver_id))
    return listing.attachment(found.content, found.name, found.media_type)


@desk.act("/caregivers/<int:caregiver_id>/pin", may="caregiver.manage", shows=caregiver)
def set_pin(caregiver_id: int) -> Response:
    """Typed twice by the caregiver."""
    given = forms.read(Pin)
    with acting() as act:
        _caregiver(act.conn, caregiver_id)
        if given["pin"] != given["pin_again"]:
            raise Refused(Reason.BAD_INPUT, detail="两次输入不同 | the two differ")
        badges.set_pin(act, here().ring, caregiver_id, given["pin"])
    return _back(caregiver_id, "工作密码已设", "The staff PIN is set")


@desk.act("/<int:provider_id>/badges", may="caregiver.manage", shows=staff_of)
def print_badges(provider_id: int) -> Response:
    """New badges for those ticked, as one PDF."""
    given = forms.read(Ticked)
    with acting() as act:
        provider(act.conn, provider_id)
        mine = select(rows.c.id).where(rows.c.id.in_(given["caregiver"]), rows.c.provider_id == provider_id)
        ids = sorted(act.conn.execute(mine).scalars())
        if ids != sorted(set(given["caregiver"])):
            raise Refused(Reason.NOT_FOUND, what="caregiver")
        made = badge_sheet.sheet(act, here().ring, _scheme(act.conn, provider_id), ids, HOTLINE["phone"])
    return listing.attachment(made, f"badges-{provider_id}.pdf", "application/pdf")


def _scheme(conn: Connection, provider_id: int) -> Any:
    """Whose rules say what a badge shows: the scheme of the latest contract, else the first one there is."""
    c = contracts.c
    latest = select(c.scheme_code).where(c.provider_id == provider_id).order_by(c.until_day.desc(), c.id).limit(1)
    code = conn.execute(latest).scalar_one_or_none() or next(iter(scheme_codes(conn)), "")
    return scheme_on(conn, code, today())


def _query() -> Select[Any]:
    p = providers.c
    return theirs(select(rows, p.name.label("organisation")).join(providers, p.id == rows.c.provider_id))


def _caregiver(conn: Connection, caregiver_id: int) -> Row[Any]:
    return scope.one(conn, _query().where(rows.c.id == caregiver_id), "caregiver")


def _phone(text: str | None) -> str | None:
    """As the register writes it. The refusal does not repeat what was typed."""
    try:
        return cells.phone(text)
    except Wrong as wrong:
        raise Refused(Reason.BAD_INPUT, detail=f"{wrong.problem.zh} | {wrong.problem.en}") from None


def _back(caregiver_id: int, zh: str, en: str) -> Response:
    done(zh, en)
    return redirect(url_for("providers.caregiver", caregiver_id=caregiver_id), 303)  # type: ignore[return-value]
