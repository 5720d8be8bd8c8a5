"""A quarter: what blocks it, its settlements and shares, the signatures in their turn."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from sqlalchemy import Connection, Row, Select, func, select

from admin.frame import forms, listing, scope, tasks
from admin.frame.access import officer
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import here, looking
from admin.frame.listing import Column
from admin.months.desk import desk, own_town, period, require_scheme
from admin.treasury import warning
from settlement.capitals import capitals
from settlement.closing import approving, explain
from settlement.closing import month as months
from settlement.closing import quarter as quarters
from settlement.closing.adjusting import PROPOSED
from settlement.closing.tables import adjustments, quarter_approvals, settlement_shares, settlements
from settlement.periods import Quarter
from settlement.providers.tables import providers

STEP_OF = {"town": "town", "civil_affairs": "civil_affairs", "district_finance": "finance"}
"""In which capacity a role signs."""
STAGES = (
    ("gathered", "汇总三个月和调整", "gather three months and adjustments"),
    ("shared", "按比例分担", "share between the payers"),
    ("approved", "镇街、民政、财政依次签批", "towns, civil affairs and finance sign in turn"),
    ("posted", "记账", "post to the ledger"),
    ("ordered", "出付款单", "draw up payment orders"),
    ("exported", "导出银行文件", "export for the bank"),
    ("paid", "已付清", "all paid"),
)


class Signature(forms.Form):
    total = forms.Yuan()


@desk.page("/quarter/<scheme>/<quarter>", may="months.read")
def quarter(scheme: str, quarter: str) -> Response | str:
    which = period(Quarter, quarter)
    with looking() as conn:
        require_scheme(conn, scheme)
        listed = _settlements(conn, scheme, which)
        if listed.download is not None:
            return listed.download
        found = quarters.progress(conn, scheme, which)
        shown: dict[str, Any] = {"scheme": scheme, "quarter": which, "progress": found, "list": listed}
        shown |= {"blocked": _blocked(conn, scheme, which), "signed": _signed(conn, scheme, which)}
        shown |= {"payers": _payers(conn, scheme, which), "mine": _mine(conn, scheme, which, found)}
        shown |= {"proposed": _proposed(conn, scheme, which)}
        shown |= {"short": warning.short(conn, scheme, which.months[-1]) if shown["mine"] else []}
    reached = -1 if found.stage is None else quarters.STAGES.index(found.stage)
    shown |= {"stages": [{"zh": zh, "en": en, "done": n <= reached} for n, (_, zh, en) in enumerate(STAGES)]}
    shown |= {"over": here().now() >= which.end(), "redrawable": found.stage in quarters.STAGES[:3]}
    return render_template("months/quarter.html", **shown)


@desk.act("/quarter/<scheme>/<quarter>/advance", may="quarter.draw", shows=quarter)
def advance_quarter(scheme: str, quarter: str) -> Response:
    """Every stage that is the system's, up to where somebody signs or the bank's turn has come."""
    which = period(Quarter, quarter)
    with looking() as conn:
        require_scheme(conn, scheme)
    path = url_for("months.quarter", scheme=scheme, quarter=which)
    id = tasks.start("months.quarter", scheme=scheme, quarter=str(which), path=path)
    return redirect(url_for("home.task", task_id=id), 303)  # type: ignore[return-value]


@desk.act("/quarter/<scheme>/<quarter>/redraw", may="quarter.draw", shows=quarter)
def redraw_quarter(scheme: str, quarter: str) -> Response:
    which = period(Quarter, quarter)
    with acting() as act:
        require_scheme(act.conn, scheme)
        quarters.redraw(act, scheme, which)
    done(
        "已退回，请重新汇总；内容有变的签批作废", "taken back: gather anew; signatures of what changes count no longer"
    )
    return _back(scheme, which)


@desk.act("/quarter/<scheme>/<quarter>/sign-town", may="quarter.approve_town", shows=quarter)
def sign_as_town(scheme: str, quarter: str) -> Response:
    return _sign(scheme, quarter, "town")


@desk.act("/quarter/<scheme>/<quarter>/sign-civil_affairs", may="quarter.approve_civil_affairs", shows=quarter)
def sign_as_civil_affairs(scheme: str, quarter: str) -> Response:
    return _sign(scheme, quarter, "civil_affairs")


@desk.act("/quarter/<scheme>/<quarter>/sign-finance", may="quarter.approve_finance", shows=quarter)
def sign_as_finance(scheme: str, quarter: str) -> Response:
    return _sign(scheme, quarter, "finance")


def _sign(scheme: str, quarter: str, step: str) -> Response:
    """The total that the signer typed has to be what stands, and what stands what the page showed."""
    which = period(Quarter, quarter)
    with looking() as conn:
        require_scheme(conn, scheme)
    total = forms.read(Signature)["total"]
    town = own_town() if step == "town" else ""
    with acting() as act:
        require_unchanged(approving.content(act.conn, scheme, which, town)[1])
        approving.approve(act, scheme, which, step, total, town)
    done("已签批", "signed")
    return _back(scheme, which)


def _back(scheme: str, which: Quarter) -> Response:
    return redirect(url_for("months.quarter", scheme=scheme, quarter=which), 303)  # type: ignore[return-value]


@desk.page("/quarter/<scheme>/<quarter>/shares", may="months.read")
def shares(scheme: str, quarter: str) -> Response | str:
    which = period(Quarter, quarter)
    with looking() as conn:
        require_scheme(conn, scheme)
        listed = _shares(conn, scheme, which)
    if listed.download is not None:
        return listed.download
    return render_template("months/shares.html", scheme=scheme, quarter=which, list=listed)


@desk.page("/settlement/<settlement_id>", may="months.read")
def settlement(settlement_id: str) -> str:
    s = settlements.c
    with looking() as conn:
        query = scope.within(select(settlements).where(s.id == settlement_id), town=s.town)
        row = scope.one(conn, query, f"settlement {settlement_id}")
        node = explain.explain(conn, f"settlement:{row.id}", 0)
    return render_template("months/settlement.html", row=row, node=node, capitals=capitals(row.net_fen))


# -- looking ------------------------------------------------------------------------------------------------------------------
def _blocked(conn: Connection, scheme: str, which: Quarter) -> list[dict[str, Any]]:
    """The months that the quarter waits for, each with who is waited for."""
    found = []
    for month in quarters.unclosed(conn, scheme, which):
        progress = months.progress(conn, scheme, month)
        found.append({"month": month, "stage": progress.stage, "waiting": ", ".join(progress.waiting_for)})
    return found


def _proposed(conn: Connection, scheme: str, which: Quarter) -> int:
    """Adjustments up to the quarter that nobody has approved: it settles without them."""
    a = adjustments.c
    waiting = (
        a.kind.in_(PROPOSED),
        a.approved_by.is_(None),
        a.withdrawn_by.is_(None),
        a.origin_month <= str(which.months[-1]),
    )
    query = select(func.count()).select_from(adjustments).where(a.scheme_code == scheme, a.quarter.is_(None), *waiting)
    return int(conn.execute(scope.within(query, town=a.town)).scalar_one())


def _signed(conn: Connection, scheme: str, which: Quarter) -> list[dict[str, Any]]:
    """The signatures given, in order, and whether each still fits what stands."""
    a = quarter_approvals.c
    query = select(quarter_approvals).where(a.scheme_code == scheme, a.quarter == str(which)).order_by(a.at)
    due = approving.due(conn, scheme, which)
    return [
        {"row": row, "stands": (f"town:{row.town}" if row.town else row.step) not in due}
        for row in conn.execute(query)
        if officer().town is None or row.town in ("", officer().town)
    ]


def _mine(conn: Connection, scheme: str, which: Quarter, found: quarters.Progress) -> dict[str, Any] | None:
    """What the officer is asked to sign now; None when it is not their turn."""
    step = STEP_OF.get(officer().role)
    town = own_town() if step == "town" else ""
    turn = f"town:{town}" if step == "town" else step
    if step is None or turn not in found.waiting_for:
        return None
    total, digest = approving.content(conn, scheme, which, town)
    return {"step": step, "total": total, "digest": digest, "capitals": capitals(total), "town": town}


def _payers(conn: Connection, scheme: str, which: Quarter) -> list[Row[Any]]:
    """What each payer bears, by town: payer, town, amount."""
    s, h = settlements.c, settlement_shares.c
    query = select(h.payer, s.town, func.sum(h.amount_fen).label("amount")).join(settlements, s.id == h.settlement_id)
    query = query.where(s.scheme_code == scheme, s.quarter == str(which))
    query = scope.within(query, town=s.town).group_by(h.payer, s.town).order_by(s.town, h.payer)
    return list(conn.execute(query))


_OF_A_SETTLEMENT = (
    Column(
        "id",
        "季度结算",
        "Settlement",
        settlements.c.id,
        link=lambda row: url_for("months.settlement", settlement_id=row.id),
    ),
    Column("town", "镇街", "Town", settlements.c.town),
    Column("provider", "服务商", "Provider", providers.c.name),
)


def _settlements(conn: Connection, scheme: str, which: Quarter) -> listing.Listed:
    s, p = settlements.c, providers.c
    source: Select[Any] = select().select_from(settlements).join(providers, p.id == s.provider_id)
    source = scope.within(source.where(s.scheme_code == scheme, s.quarter == str(which)), town=s.town)
    columns = (
        *_OF_A_SETTLEMENT,
        Column("gross", "月结合计", "Statements", s.gross_fen, "yuan"),
        Column("adjustments", "调整", "Adjustments", s.adjustments_fen, "yuan"),
        Column("net", "净额", "Net", s.net_fen, "yuan"),
        Column("receivable", "结转应收", "Carried", s.receivable_fen, "yuan"),
    )
    return listing.look(conn, source, columns, sort="id", name=f"settlements-{which}")


def _shares(conn: Connection, scheme: str, which: Quarter) -> listing.Listed:
    s, h, p = settlements.c, settlement_shares.c, providers.c
    source: Select[Any] = select().select_from(settlement_shares).join(settlements, s.id == h.settlement_id)
    source = source.join(providers, p.id == s.provider_id)
    source = scope.within(source.where(s.scheme_code == scheme, s.quarter == str(which)), town=s.town)
    columns = (
        *_OF_A_SETTLEMENT,
        Column("payer", "承担方", "Payer", h.payer, "code"),
        Column("weight", "比例", "Weight", h.weight, "number"),
        Column("amount", "金额", "Amount", h.amount_fen, "yuan"),
    )
    return listing.look(conn, source, columns, sort="id", name=f"shares-{which}")
