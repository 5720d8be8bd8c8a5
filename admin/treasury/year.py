"""The end of a year: its figures, what keeps it open, prepared by one person and closed by another."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, render_template, request, url_for

from admin.frame.access import officer
from admin.frame.acting import acting, done, require_unchanged
from admin.frame.console import looking
from admin.treasury.desk import asked_year, desk, scheme, sheet, today
from settlement.spoken import chinese
from settlement.treasury import budgets, year_end

SUBSIDY = {
    "outstanding_before": ("年初未结补贴", "issued and not settled when the year began"),
    "issued": ("本年发放", "issued for months of the year"),
    "taken_back": ("收回未用", "came back unspent"),
    "lapsed": ("过期作废", "lapsed"),
    "outstanding_after": ("年末未结补贴", "issued and not settled when the year ended"),
    "claimed": ("其中：已消费未结算", "of it spent and not settled"),
    "on_cards": ("其中：卡上余额", "of it on cards"),
}
RULES = {
    "carries": ("结转下年继续使用", "carries over into the next year"),
    "lapses_after_quarter": ("季度结束后作废", "lapses after its quarter"),
    "lapses_after_year": ("年度结束后作废", "lapses after the year"),
}


@desk.page("/year", may="accounting.read", menu=("年终结转", "End of the year"))
def year() -> str | Response:
    wanted = _asked()
    with looking() as conn:
        code = scheme(conn)
        standing = year_end.of(conn, code, wanted)
        closed = standing is not None and standing.closed_at is not None
        found = standing.figures if standing is not None and closed else year_end.figures(conn, code, wanted, today())
        shown = {
            "blockers": [] if closed else year_end.blockers(conn, code, wanted, today()),
            "unpaid": year_end.unpaid(conn, code, wanted),
            "changed": standing is not None and not closed and standing.digest != year_end.digest(found),
        }
    if request.args.get("export") == "xlsx":
        rows = ([words_, amount / 100] for words_, amount in _rows(found))
        return sheet(f"year-{code}-{wanted}", ["项目 item", "金额（元）yuan"], rows)
    names = {"figures": found, "standing": standing, "closed": closed, "subsidy": SUBSIDY, "rule": RULES[found["rule"]]}
    return render_template("treasury/year.html", year=wanted, scheme=code, **names, **shown, me=officer().id)


def _asked() -> int:
    """The year that the request names, else the last one that is over."""
    return asked_year(today().year - 1)


def _rows(found: dict[str, Any]) -> list[tuple[str, int]]:
    columns = {
        "appropriated": "预算 granted",
        "settled": "已结算 settled",
        "open": "未了承诺 open",
        "left": "结余 left",
    }
    rows = [(f"{chinese(at['payer'])} {zh}", at[name]) for at in found["payers"] for name, zh in columns.items()]
    rows += [(f"{zh} {en}", found["subsidy"][name]) for name, (zh, en) in SUBSIDY.items()]
    if found["cap"]:
        rows += [("全年上限合计 cap", found["cap"]["entitled"]), ("全年已消费 spent", found["cap"]["spent"])]
    return rows + [(f"{one['quarter']} 应付净额 net", one["net"]) for one in found["quarters"]]


@desk.act("/year/prepare", may="year.prepare", shows=year)
def prepare_year() -> Response:
    wanted = _asked()
    with acting() as act:
        year_end.prepare(act, scheme(act.conn), wanted)
    done("年终数字已编制，请由另一人核对并结转", "The figures are prepared; another person checks and closes")
    return redirect(url_for("treasury.year", year=wanted), 303)  # type: ignore[return-value]


@desk.act("/year/close", may="year.close", shows=year)
def close_year() -> Response:
    wanted = _asked()
    with acting() as act:
        code = scheme(act.conn)
        budgets.require_open(act.conn, code, wanted)  # held from here on: closed is what was shown
        standing = year_end.of(act.conn, code, wanted)
        if standing is not None:
            require_unchanged(standing.digest)
        year_end.close(act, code, wanted)
    done(f"{wanted}年已结转", f"{wanted} is closed")
    return redirect(url_for("treasury.year", year=wanted), 303)  # type: ignore[return-value]
