"""Checks across the tables of a scheme file: references, doubles, contradictions, and that every rule names its source.

They read the raw document rather than the model, so that a file with a wrong value still shows all its other faults at once; values of a
wrong type are passed over here, the schema reports them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any, get_args, get_origin, get_type_hints

from settlement.officers import ROLES
from settlement.policy.citation import Rule
from settlement.policy.locate import Path
from settlement.policy.rules_control import SIGNALS
from settlement.policy.rules_service import METHODS
from settlement.policy.scheme import Scheme
from settlement.policy.shape import Problem

Found = Iterator[tuple[Path, Problem]]
Document = dict[str, Any]

_ROUTE_NEEDS = {"town_pays": ("town",), "district_pays": ("district",), "each_pays": ()}


def crosscheck(document: Document) -> Found:
    yield from _sources(Scheme, document, ())
    yield from _doubles(document, ())
    yield from _unit(document)
    yield from _benefits(document)
    yield from _enrolment(document)
    yield from _lapse(document)
    yield from _funding(document)
    yield from _visits(document)
    yield from _methods(document)
    yield from _signals(document)


def rows(value: Any, *names: str) -> Iterator[tuple[Path, Document]]:
    """The tables of a list, with their paths; nothing where the list is missing or malformed."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    for index, row in enumerate(value if isinstance(value, list) else []):
        if isinstance(row, dict):
            yield (*names, index), row


def _name(row: Document, key: str = "code") -> str | None:
    """A text; None where it is missing or something else, which the schema reports."""
    value = row.get(key)
    return value if isinstance(value, str) else None


def _names(value: Any, *path: str) -> set[str]:
    return {name for _, row in rows(value, *path) if (name := _name(row)) is not None}


def _listed(known: Any) -> tuple[str, str]:
    names = sorted(map(str, known))
    return "可选：" + "、".join(names), "one of: " + ", ".join(names)


def _sources(model: type[Any], value: Any, path: Path) -> Found:
    """Every rule has a clause, or says that it has none; never both."""
    if not isinstance(value, dict):
        return
    if issubclass(model, Rule) and ("clause" in value) == ("source" in value):
        both = "clause" in value
        yield (
            path,
            Problem(
                "clause 与 source 只能写一个" if both else "没有注明出处",
                "clause and source exclude each other" if both else "the rule does not say where it comes from",
                'clause = "三(一)1"；文件未规定的写 source = "default"',
                'clause = "三(一)1", or source = "default" where the notice is silent',
            ),
        )
    hints = get_type_hints(model)
    for entry in fields(model):
        inner = next((part for part in (hints[entry.name], *get_args(hints[entry.name])) if is_dataclass(part)), None)
        if inner is None or entry.name not in value:
            continue
        held = value[entry.name]
        if get_origin(hints[entry.name]) is tuple:
            for index, row in enumerate(held if isinstance(held, list) else []):
                yield from _sources(_model(inner), row, (*path, entry.name, index))
        else:
            yield from _sources(_model(inner), held, (*path, entry.name))


def _model(inner: Any) -> type[Any]:
    return inner if isinstance(inner, type) else type(inner)


def _doubles(value: Any, path: Path) -> Found:
    """No code, payer or town twice in one list; no plain value twice in one list."""
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _doubles(held, (*path, key))
    if not isinstance(value, list):
        return
    seen: set[Any] = set()
    for index, entry in enumerate(value):
        yield from _doubles(entry, (*path, index))
        name, key = "", entry
        if isinstance(entry, dict):
            name = next((each for each in ("code", "payer", "town") if each in entry), "")
            key = entry.get(name)
        if not isinstance(key, str | int):
            continue
        if key in seen:
            place = (*path, index, name) if name else (*path, index)
            yield place, Problem(f"“{key}”重复", f"“{key}” is listed twice", "每个只写一次", "each only once")
        seen.add(key)


def _unit(document: Document) -> Found:
    if document.get("unit") in ("minutes", "visits", "meals"):
        yield (
            ("unit",),
            Problem(
                "补贴标准按金额（amount_fen）书写，计量单位须为 fen",
                "benefits are written as amounts (amount_fen), so the unit must be fen",
                "fen",
                "fen",
            ),
        )


def _benefits(document: Document) -> Found:
    categories = _names(document, "categories")
    for path, benefit in rows(document, "benefits"):
        any_of = benefit.get("any_of")
        for index, code in enumerate(any_of if isinstance(any_of, list) else []):
            if isinstance(code, str) and code not in categories:
                yield (
                    (*path, "any_of", index),
                    Problem(f"没有类别“{code}”", f"there is no category “{code}”", *_listed(categories)),
                )
        if ("amount_fen" in benefit) == ("tiers" in benefit):
            yield (
                path,
                Problem(
                    "amount_fen 与 tiers 须写且只写一个",
                    "exactly one of amount_fen and tiers is needed",
                    "不分等级写 amount_fen；分等级写 [[benefits.tiers]]",
                    "amount_fen when flat, [[benefits.tiers]] by ability level",
                ),
            )
        if "tiers" in benefit and benefit.get("assessed") is False:
            yield (
                (*path, "assessed"),
                Problem("分等级的补贴须先评估", "a benefit by ability level needs an assessment", "true", "true"),
            )
        taken: set[int] = set()
        for inner, tier in rows(benefit, "tiers"):
            levels = tier.get("levels")
            for index, level in enumerate(levels if isinstance(levels, list) else []):
                if level in taken:
                    yield (
                        (*path, *inner, "levels", index),
                        Problem(
                            f"等级 {level} 已属于另一档",
                            f"level {level} already belongs to another tier",
                            "每个等级只属于一档",
                            "each level in one tier",
                        ),
                    )
            taken |= {level for level in levels if isinstance(level, int)} if isinstance(levels, list) else set()


def _enrolment(document: Document) -> Found:
    for path, step in rows(document, "enrolment", "steps"):
        role = _name(step, "role")
        if role is not None and role not in ROLES:
            yield (
                (*path, "role"),
                Problem(f"没有角色“{role}”", f"there is no role “{role}”", *_listed(ROLES)),
            )
    for path, window in rows(document, "enrolment", "windows"):
        for key in ("opens", "closes"):
            try:
                date.fromisoformat(f"2001-{window.get(key)}")
            except ValueError:
                if str(window.get(key))[:2].isdigit():  # the schema reports what is no date at all
                    yield (
                        (*path, key),
                        Problem(
                            f"每年并非都有“{window[key]}”",
                            f"not every year has a “{window[key]}”",
                            "每年都有的日期，如“02-28”",
                            "a day of every year, e.g. “02-28”",
                        ),
                    )


def _lapse(document: Document) -> Found:
    purses = document.get("purses")
    carry_over = purses.get("carry_over") if isinstance(purses, dict) else None
    if not isinstance(carry_over, dict) or not isinstance(carry_over.get("carries"), bool):
        return
    lapses = carry_over.get("lapses_after")
    path: Path = ("purses", "carry_over", "lapses_after")
    if carry_over["carries"] and lapses is not None:
        yield (
            path,
            Problem(
                "可结转的余额不会失效", "a balance that carries over does not lapse", "删去此项", "leave this key out"
            ),
        )
    if not carry_over["carries"] and lapses is None:
        yield (
            path,
            Problem(
                "不结转时须说明何时失效",
                "without carry-over it must say when it lapses",
                "quarter、year",
                "quarter, year",
            ),
        )
    cycles = document.get("cycles")
    issue = cycles.get("issue") if isinstance(cycles, dict) else None
    if lapses == "quarter" and isinstance(issue, dict) and issue.get("months") == 6:
        yield (
            path,
            Problem(
                "半年充值的补贴不能每季失效", "what is loaded for half a year cannot lapse each quarter", "year", "year"
            ),
        )


def _funding(document: Document) -> Found:
    payers = _names(document, "funding", "payers")
    lists: list[tuple[Path, Any]] = [((), document)]
    funding = document.get("funding")
    lists = [(("funding",), funding), *((("funding", *path), row) for path, row in rows(funding, "towns"))]
    for path, holder in lists:
        shares = list(rows(holder, "shares"))
        for inner, share in shares:
            payer = _name(share, "payer")
            if payer is not None and payer not in payers:
                yield (
                    (*path, *inner, "payer"),
                    Problem(f"没有出资方“{payer}”", f"there is no payer “{payer}”", *_listed(payers)),
                )
        if shares and not any(share.get("weight") for _, share in shares):
            yield (
                (*path, "shares"),
                Problem("分担比例全为零", "all weights are zero", "至少一个大于零", "at least one above zero"),
            )
    route = funding.get("route") if isinstance(funding, dict) else None
    rule = _name(route, "rule") if isinstance(route, dict) else None
    for payer in _ROUTE_NEEDS.get(rule or "", ()):
        if payer not in payers:
            yield (
                ("funding", "route", "rule"),
                Problem(
                    f"“{rule}”需要出资方“{payer}”",
                    f"“{rule}” needs a payer “{payer}”",
                    "补上该出资方或改付款方式",
                    "add the payer or change the route",
                ),
            )


def _visits(document: Document) -> Found:
    wanted: dict[str, tuple[Path, list[str]]] = {}
    for path, benefit in rows(document, "benefits"):
        code = _name(benefit)
        if code is not None:
            wanted[code] = (path, sorted(_names(benefit, "tiers")))
    covered: set[tuple[str, str | None]] = set()
    for path, rule in rows(document, "visits", "monthly"):
        code, tier = _name(rule, "benefit"), _name(rule, "tier")
        if code is None:
            continue
        if code not in wanted:
            yield (*path, "benefit"), Problem(f"没有补贴“{code}”", f"there is no benefit “{code}”", *_listed(wanted))
            continue
        tiers = wanted[code][1]
        if tier is not None and tier not in tiers:
            yield (
                (*path, "tier"),
                Problem(f"“{code}”没有档次“{tier}”", f"“{code}” has no tier “{tier}”", *_listed(tiers)),
            )
        members: list[str | None] = [tier] if tier is not None or not tiers else [*tiers]
        groups = {(code, member) for member in members}
        if groups & covered:
            yield (
                path,
                Problem("同一人群写了两次", "this group has two rules", "每个人群一条", "one rule for each group"),
            )
        covered |= groups
    for code, (path, tiers) in wanted.items():
        expected: list[str | None] = [*tiers] or [None]
        for group in expected:
            if (code, group) not in covered:
                name = f"{code}.{group}" if group else code
                yield (
                    path,
                    Problem(
                        f"“{name}”没有每月上门次数",
                        f"“{name}” has no visits a month",
                        "在 [[visits.monthly]] 中补上",
                        "add it under [[visits.monthly]]",
                    ),
                )


def _methods(document: Document) -> Found:
    """Either no method is named, or each of them: what is left out would be accepted or refused by chance."""
    named = _names(document, "door", "methods")
    if not named:
        return
    for method in METHODS:
        if method.code not in named:
            yield (
                ("door", "methods"),
                Problem(
                    f"没有写明“{method.code}”",
                    f"“{method.code}” is missing",
                    '每种方式一条，不用的写 use = "refused"',
                    'one entry for each method; what may not be used says use = "refused"',
                ),
            )


def _signals(document: Document) -> Found:
    for path, signal in rows(document, "fraud", "signals"):
        code, params = _name(signal), signal.get("params")
        if code is None:
            continue
        if code not in SIGNALS:
            yield (*path, "code"), Problem(f"没有信号“{code}”", f"there is no signal “{code}”", *_listed(SIGNALS))
        elif isinstance(params, dict) and set(params) != SIGNALS[code]:
            names = sorted(SIGNALS[code])
            yield (
                (*path, "params"),
                Problem(
                    "参数不对",
                    "these are not its parameters",
                    "须为：" + ("、".join(names) or "空 {}"),
                    "exactly: " + (", ".join(names) or "{}"),
                ),
            )
