"""A call: the card it is about, the questions, and what an identified caller is told."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, render_template, request, url_for
from sqlalchemy import Connection, Row, select

from admin.frame import forms, listing
from admin.frame.access import officer
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.desk import Desk
from admin.frame.listing import Column
from settlement.cards import book, finding, lifecycle
from settlement.outcomes import Declined, Reason, Refused
from settlement.people.tables import seniors
from settlement.periods import local_date
from settlement.policy.tariff import prices_in_force
from settlement.supervision import calls, complaints, knowing, lately
from settlement.supervision.tables import hotline_calls
from settlement.visits import bookings
from settlement.vouchers import outlook

desk = Desk("hotline", __name__, "热线", "Hotline")

DEBITS = 5
"""So many are read out, and may be complained of."""
AT_HOME = "home_visit"


class Find(forms.Form):
    number = forms.Text(most=64, load_default="")
    name = forms.Text(most=80, load_default="")
    village = forms.Text(most=80, load_default="")


class Begin(forms.Form):
    senior_id = forms.Number(least=1, most=2**53)
    caller = forms.Choice(*calls.CALLERS)


@desk.page("/", may="hotline.serve", menu=("接听来电", "Take a call"))
def start() -> str:
    """Whose card it is about. Only those are found whom the caller names exactly; nothing of them is shown that the caller did not say."""
    return render_template(
        "hotline/start.html", found=g.get("found"), named=g.get("named", False), callers=calls.CALLERS
    )


@desk.act("/find", may="hotline.serve", shows=start)
def look_for() -> str:
    given = forms.read(Find)
    with looking() as conn:
        if given["number"]:
            ids = finding.people(conn, here().ring, given["number"])
        else:
            ids = finding.by_name(conn, here().ring, given["name"], given["village"])
        s = seniors.c
        query = select(s.id, s.name, s.town, s.village).where(s.id.in_(ids)).order_by(s.id)
        if given["name"]:  # of several who share a telephone
            query = query.where(s.name == given["name"])
        rows = conn.execute(query).all()
    if not rows:
        raise Refused(Reason.NOT_FOUND, what="senior")
    g.found, g.named = rows, bool(given["name"])
    return str(start())


@desk.act("/begin", may="hotline.serve", shows=start)
def begin() -> Response:
    given = forms.read(Begin)
    with acting() as act:
        call_id = calls.begin(act, here().ring, given["senior_id"], given["caller"])
    return redirect(url_for("hotline.call", call_id=call_id), 303)  # type: ignore[return-value]


@desk.page("/calls/<int:call_id>", may="hotline.serve")
def call(call_id: int) -> str:
    """The questions; once they were answered rightly, the card."""
    now = here().now()
    with looking() as conn:
        found = calls.taken(conn, call_id, officer().id)
        facts = _known(conn, found) if calls.open_now(found, now) else {}
    asking = found.status == "asking" and now < found.begun_at + calls.TO_ANSWER
    questions = [(code, knowing.QUESTIONS[code]) for code in found.questions]
    shown: dict[str, Any] = {"call": found, "asking": asking, "questions": questions, "agent_phone": calls.AGENT_PHONE}
    return render_template("hotline/call.html", **shown, callers=calls.CALLERS, facts=facts)


def _known(conn: Connection, found: Row[Any]) -> dict[str, Any]:
    """What an identified caller may hear."""
    now = here().now()
    card = book.of_senior(conn, found.senior_id)
    if card is None:
        raise Refused(Reason.NOT_FOUND, what="card")
    s = seniors.c
    today = local_date(now)
    prices = prices_in_force(conn, card.scheme_code, 0, today)
    return {
        "card": card,
        "state": lifecycle.WORDS[card.status],
        "name": conn.execute(select(s.name).where(s.id == found.senior_id)).scalar_one(),
        "stands": outlook.of(conn, card, now),
        "taken": lately.taken(conn, card.id, DEBITS),
        "kinds": [(code, f"{kind.zh} {kind.en}") for code, kind in complaints.KINDS.items()],
        "items": [price for price in prices.values() if price.evidence_kind == AT_HOME],
        "bookings": bookings.listing(conn, senior_id=found.senior_id),
        "complaints": complaints.listing(conn, senior_id=found.senior_id),
        "today": today,
    }


@desk.act("/calls/<int:call_id>/answers", may="hotline.serve", shows=call)
def answers(call_id: int) -> Response:
    """What the caller said. It is compared by the system; which answer did not fit is not shown to anybody."""
    given = {code: request.form.get(code, "")[:80] for code in (*knowing.QUESTIONS, calls.AGENT_PHONE)}
    with acting() as act:
        answer = calls.answer(act, here().ring, call_id, given)
    if isinstance(answer, Declined):  # after the try was counted
        raise Refused(answer.reason, **answer.details)
    done("身份已核对", "The caller is identified")
    return redirect(url_for("hotline.call", call_id=call_id), 303)  # type: ignore[return-value]


@desk.act("/calls/<int:call_id>/end", may="hotline.serve", shows=call)
def end(call_id: int) -> Response:
    with acting() as act:
        calls.end(act, call_id)
    done("通话已结束", "The call is over")
    return redirect(url_for("hotline.start"), 303)  # type: ignore[return-value]


@desk.page("/calls", may="hotline.read", menu=("来电记录", "Calls"))
def listed() -> object:
    """A hotline agent's own; of all agents for who supervises them. Nobody's name."""
    h = hotline_calls.c
    columns = [
        Column("no", "来电", "call", h.id, "number"),
        Column("begun_at", "时间", "when", h.begun_at, "moment"),
        Column("taken_by", "接听", "taken by", h.taken_by),
        Column("caller", "来电人", "caller", h.caller, words=lambda code: " ".join(calls.CALLERS[code])),
        Column("senior_id", "老人编号", "senior", h.senior_id, "number"),
        Column("wrong", "答错", "wrong tries", h.wrong, "number"),
        Column("status", "结果", "result", h.status, words=lambda code: " ".join(calls.STATUS[code])),
    ]
    query = select().select_from(hotline_calls)
    if officer().role == "hotline":
        query = query.where(h.taken_by == officer().id)
    status = request.args.get("status", "")
    if status:
        query = query.where(h.status == status)
    with looking() as conn:
        found = listing.look(conn, query, columns, sort="-begun_at", name="calls")
    if found.download is not None:
        return found.download
    states = [(code, " ".join(words)) for code, words in calls.STATUS.items()]
    return render_template("hotline/list.html", found=found, status=status, states=states)
