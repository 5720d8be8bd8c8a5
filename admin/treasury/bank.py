"""The dedicated accounts against the bank's statements: upload, what was found, what differs, and what somebody said about it."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, url_for
from sqlalchemy import Row, select

from admin.frame import forms, listing, scope
from admin.frame.acting import acting, done
from admin.frame.console import looking
from admin.frame.listing import Column
from admin.treasury.desk import desk, own_payer, require_payer, sheet
from settlement.closing.tables import payer_accounts
from settlement.findings import Finding
from settlement.outcomes import Reason, Refused
from settlement.spoken import chinese
from settlement.treasury import dedicated, matching, statement_file
from settlement.treasury.tables import account_lines, account_statements

line, st, p = account_lines.c, account_statements.c, payer_accounts.c
HOW = {
    "number": "付款单号 order number",
    "reference": "流水号 reference",
    "amount": "金额和日期 amount and day",
    "person": "人工 by hand",
}
COLUMNS = (
    Column("id", "编号", "number", line.id, "number"),
    Column("day", "日期", "day", line.day, "day"),
    Column("in_fen", "收入", "in", line.in_fen, "yuan"),
    Column("out_fen", "支出", "out", line.out_fen, "yuan"),
    Column("counterparty", "对方户名", "counterparty", line.counterparty),
    Column("reference", "流水号", "reference", line.reference),
    Column("words", "摘要", "words", line.words),
    Column("matched", "对应", "matched with", line.matched, words=chinese),
    Column("explanation", "说明", "explanation", line.explanation),
)


@desk.page("/bank", may="treasury.read", menu=("银行对账", "Bank reconciliation"))
def bank() -> str:
    with looking() as conn:
        query = select(payer_accounts).order_by(p.payer)
        rows = conn.execute(query if own_payer() is None else query.where(p.payer == own_payer())).all()
        found = [(row, dedicated.reconcile(conn, row.payer)) for row in rows]
    return render_template("treasury/bank.html", accounts=found)


@desk.page("/bank/<payer>", may="treasury.read")
def account(payer: str, findings: tuple[Finding, ...] = ()) -> str | Response:
    require_payer(payer)
    with looking() as conn:
        held = scope.one(conn, select(payer_accounts).where(p.payer == payer), f"account {payer}")
        source = select().select_from(account_lines).where(line.payer == payer)
        lines = listing.look(conn, source, COLUMNS, sort="-day", name=f"account-{payer.replace(':', '-')}")
        if lines.download is not None:
            return lines.download
        found = dedicated.reconcile(conn, payer)
        candidates = _candidates(dedicated.unmatched(conn, payer), found)
        files = conn.execute(select(account_statements).where(st.payer == payer).order_by(st.id.desc()).limit(20)).all()
    shown = {"account": held, "list": lines, "found": found, "files": files, "candidates": candidates}
    return render_template("treasury/account.html", **shown, findings=findings, how=HOW)


@desk.page("/bank/<payer>/differences", may="treasury.read")
def differences_file(payer: str) -> Response:
    require_payer(payer)
    with looking() as conn:
        scope.one(conn, select(p.payer).where(p.payer == payer), f"account {payer}")
        found = dedicated.reconcile(conn, payer)
    rows: list[list[Any]] = []
    if found is not None:
        rows += [["未对上 unknown", *_moved(row), row.words, row.explanation] for row in found.unknown]
        rows += [["账面尚未登记 not booked", *_moved(row), chinese(row.matched), None] for row in found.early]
        rows += [
            ["银行没有 missing", str(d.booked_on), d.in_fen / 100, d.out_fen / 100, chinese(d.key), None]
            for d in found.missing
        ]
    headers = ["种类 kind", "日期 day", "收入 in", "支出 out", "摘要或单据 words or document", "说明 explanation"]
    return sheet(f"differences-{payer.replace(':', '-')}", headers, rows)


def _moved(row: Row[Any]) -> tuple[str, float, float]:
    return str(row.day), row.in_fen / 100, row.out_fen / 100


def _candidates(
    documents: list[matching.Document], found: dedicated.Reconciliation | None
) -> dict[int, list[matching.Document]]:
    """By open movement: documents of its amount and direction, for a person to choose from."""
    if found is None:
        return {}
    return {
        row.id: [document for document in documents if (document.in_fen, document.out_fen) == (row.in_fen, row.out_fen)]
        for row in found.unknown
    }


@desk.act("/bank/<payer>/statement", may="bank_statement.import", shows=account)
def take_statement(payer: str) -> Response:
    require_payer(payer)
    file = forms.upload("file", statement_file.LARGEST)
    if file is None:
        raise Refused(Reason.BAD_INPUT, detail="请选择文件 | choose a file")
    content = file.stream.read()
    with acting() as act:
        found = dedicated.take_in(act, payer, content, file.filename or "")
    if found.findings:
        return make_response(account(payer, found.findings), 422)
    if found.again:
        done("此文件此前已导入，没有改变任何内容", "This file was taken in before; nothing has changed")
    else:
        zh = f"导入{found.lines - found.known}笔（另有{found.known}笔此前已导入），自动对上{found.matched}笔"
        done(zh, f"{found.lines - found.known} movements taken in, {found.known} known, {found.matched} matched")
    return _back(payer)


@desk.act("/bank/<payer>/match", may="bank_statement.import", shows=account)
def match_again(payer: str) -> Response:
    require_payer(payer)
    with acting() as act:
        scope.one(act.conn, select(p.payer).where(p.payer == payer), f"account {payer}")
        count = dedicated.match_again(act, payer)
    done(f"自动对上{count}笔", f"{count} matched")
    return _back(payer)


def _seen(line_id: int) -> Row[Any]:
    query = select(line.payer).where(line.id == line_id)
    with looking() as conn:
        return scope.one(conn, query if own_payer() is None else query.where(line.payer == own_payer()), "line")


def _account_of(line_id: int) -> str | Response:
    return account(_seen(line_id).payer)


class MatchForm(forms.Form):
    document = forms.Text(100)


@desk.act("/lines/<int:line_id>/match", may="bank_statement.import", shows=_account_of)
def match_line(line_id: int) -> Response:
    given = forms.read(MatchForm)
    with acting() as act:
        dedicated.match_by_hand(act, line_id, given["document"])
    done("已对应", "Matched")
    return _back(_seen(line_id).payer)


class WordsForm(forms.Form):
    words = forms.Text(500)


@desk.act("/lines/<int:line_id>/explain", may="bank_statement.import", shows=_account_of)
def explain_line(line_id: int) -> Response:
    given = forms.read(WordsForm)
    with acting() as act:
        dedicated.explain(act, line_id, given["words"])
    done("说明已记录", "The explanation is recorded")
    return _back(_seen(line_id).payer)


@desk.act("/lines/<int:line_id>/unmatch", may="bank_statement.import", shows=_account_of)
def unmatch_line(line_id: int) -> Response:
    given = forms.read(WordsForm)
    with acting() as act:
        dedicated.unmatch(act, line_id, given["words"])
    done("已取消对应", "The match is taken back")
    return _back(_seen(line_id).payer)


def _back(payer: str) -> Response:
    return redirect(url_for("treasury.account", payer=payer), 303)  # type: ignore[return-value]
