"""Tender results, and the contracts drawn up from them by one person and approved by another."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, url_for
from marshmallow.fields import String
from sqlalchemy import Connection, Row, Select, func, select

from admin.frame import forms, listing, scope
from admin.frame.access import actor
from admin.frame.acting import acting, done
from admin.frame.console import here, looking
from admin.frame.forms import Day, Form, Many, Number, Text
from admin.frame.listing import Column
from admin.providers.desk import ONE_DAY, choices, desk, names, scheme_on
from settlement import papers
from settlement.act import begin
from settlement.outcomes import Reason, Refused
from settlement.people.tables import places
from settlement.providers import tendering
from settlement.providers.tables import contract_proposals, providers, tender_awards, tenders

NOTICE = "中标公告"


class Result(Form):
    scheme = Text(most=40)
    number = Text(most=60)
    title = Text(most=200)
    awarded_on = Day()


class Won(Form):
    provider_id = Number(least=1)
    town = Many(String())


class Term(Form):
    from_day = Day()
    last_day = Day()


class Why(Form):
    why = Text()


@desk.page("/tenders", may="tender.record", menu=("中标和合同", "Tenders, contracts"))
def tenders_all() -> Response | str:
    t, a = tenders.c, tender_awards.c
    won = select(func.count()).where(a.tender_id == t.id).scalar_subquery()
    columns = (
        Column("id", "编号", "no.", t.id, "number"),
        Column(
            "number", "公告编号", "notice", t.number, link=lambda row: url_for("providers.tender", tender_id=row.id)
        ),
        Column("title", "项目", "title", t.title),
        Column("scheme_code", "方案", "scheme", t.scheme_code),
        Column("awarded_on", "中标日期", "awarded on", t.awarded_on, "day"),
        Column("won", "中标镇街", "towns won", won, "number"),
    )
    with looking() as conn:
        found = listing.look(conn, select().select_from(tenders), columns, sort="-awarded_on", name="tenders")
        waiting = conn.execute(_proposals().where(contract_proposals.c.status == "proposed")).all()
        schemes = choices(conn)
    shown: dict[str, Any] = {"found": found, "waiting": waiting, "schemes": schemes, "one_day": ONE_DAY}
    return found.download or render_template("providers/tenders.html", **shown)


@desk.act("/tenders", may="tender.record", shows=tenders_all)
def record_tender() -> Response:
    given = forms.read(Result)
    with acting() as act:
        scheme = scheme_on(act.conn, given["scheme"], given["awarded_on"])
        id = tendering.record(act, scheme, given["number"], given["title"], given["awarded_on"])
    done("中标结果已登记，请填写中标服务商和镇街", "Entered; now say who won which towns")
    return redirect(url_for("providers.tender", tender_id=id), 303)  # type: ignore[return-value]


@desk.page("/tenders/<int:tender_id>", may="tender.record")
def tender(tender_id: int) -> str:
    a, p = tender_awards.c, providers.c
    with looking() as conn:
        row = _tender(conn, tender_id)
        query = select(a.id, a.town, a.provider_id, p.name).join(providers, p.id == a.provider_id)
        awards = conn.execute(query.where(a.tender_id == tender_id).order_by(a.town, p.name)).all()
        proposals = conn.execute(_proposals().where(a.tender_id == tender_id)).all()
        towns = list(conn.execute(select(places.c.town).distinct().order_by(places.c.town)).scalars())
        shown: dict[str, Any] = {"tender": row, "awards": awards, "proposals": proposals, "towns": towns}
        shown |= {"names": names(conn), "papers": papers.of(conn, f"tender:{tender_id}"), "one_day": ONE_DAY}
    waits = {proposal.award_id for proposal in proposals if proposal.status == "proposed"}
    return render_template("providers/tender.html", **shown, waits=waits)


@desk.act("/tenders/<int:tender_id>/awards", may="tender.record", shows=tender)
def award(tender_id: int) -> Response:
    given = forms.read(Won)
    with acting() as act:
        _tender(act.conn, tender_id)
        known = set(act.conn.execute(select(places.c.town).where(places.c.town.in_(given["town"]))).scalars())
        if known != set(given["town"]):
            raise Refused(Reason.NOT_FOUND, what="town")
        tendering.award(act, tender_id, given["provider_id"], given["town"])
    done("中标镇街已登记", "The towns won are entered")
    return redirect(url_for("providers.tender", tender_id=tender_id), 303)  # type: ignore[return-value]


@desk.act("/tenders/<int:tender_id>/paper", may="tender.record", shows=tender)
def put_notice(tender_id: int) -> Response:
    file = forms.upload("file", papers.LARGEST)
    with acting() as act:
        _tender(act.conn, tender_id)
        if file is None:
            raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
        papers.put(act, here().ring, f"tender:{tender_id}", NOTICE, file.filename or "", file.read())
    done("文件已上传", "The file is kept")
    return redirect(url_for("providers.tender", tender_id=tender_id), 303)  # type: ignore[return-value]


@desk.page("/tenders/<int:tender_id>/papers/<int:paper_id>", may="tender.record")
def notice(tender_id: int, paper_id: int) -> Response:
    with begin(here().engine, actor(), here().now()) as act:
        _tender(act.conn, tender_id)
        paper = papers.get(act, here().ring, paper_id, f"tender:{tender_id}")
    return listing.attachment(paper.content, paper.name, paper.media_type)


@desk.act("/tenders/<int:tender_id>/awards/<int:award_id>/contract", may="contract.propose")
def propose(tender_id: int, award_id: int) -> Response:
    given = forms.read(Term)
    with acting() as act:
        row = _tender(act.conn, tender_id)
        a = tender_awards.c
        query = select(a.id).where(a.id == award_id, a.tender_id == tender_id)
        scope.one(act.conn, query, "award")
        scheme = scheme_on(act.conn, row.scheme_code, given["from_day"])
        tendering.propose(act, scheme, award_id, given["from_day"], given["last_day"])
    done("合同已拟定，待另一人批准", "Drawn up; another person approves it")
    return redirect(url_for("providers.tender", tender_id=tender_id), 303)  # type: ignore[return-value]


@desk.act("/contracts/<int:proposal_id>/approve", may="contract.approve")
def approve_contract(proposal_id: int) -> Response:
    with acting() as act:
        tendering.approve(act, proposal_id)
        tender_id = _tender_of(act.conn, proposal_id)
    done("合同已批准，自第一天起生效", "Approved; it holds from its first day")
    return redirect(url_for("providers.tender", tender_id=tender_id), 303)  # type: ignore[return-value]


@desk.act("/contracts/<int:proposal_id>/reject", may="contract.approve")
def reject_contract(proposal_id: int) -> Response:
    given = forms.read(Why)
    with acting() as act:
        tendering.reject(act, proposal_id, given["why"])
        tender_id = _tender_of(act.conn, proposal_id)
    done("合同已退回", "Sent back")
    return redirect(url_for("providers.tender", tender_id=tender_id), 303)  # type: ignore[return-value]


def _tender(conn: Connection, tender_id: int) -> Row[Any]:
    return scope.one(conn, select(tenders).where(tenders.c.id == tender_id), "tender")


def _tender_of(conn: Connection, proposal_id: int) -> int:
    a, p = tender_awards.c, contract_proposals.c
    query = select(a.tender_id).join(contract_proposals, p.award_id == a.id).where(p.id == proposal_id)
    return int(conn.execute(query).scalar_one())


def _proposals() -> Select[Any]:
    """Proposals with who, where and under which tender; oldest first."""
    a, t, p = tender_awards.c, tenders.c, providers.c
    return (
        select(contract_proposals, a.town, a.tender_id, a.provider_id, p.name, t.number, t.scheme_code)
        .join(tender_awards, a.id == contract_proposals.c.award_id)
        .join(tenders, t.id == a.tender_id)
        .join(providers, p.id == a.provider_id)
        .order_by(contract_proposals.c.proposed_at, contract_proposals.c.id)
    )
