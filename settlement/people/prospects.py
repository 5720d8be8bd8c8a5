"""What somebody would get, said before anything is decided: each benefit with its amount, or what speaks against it, and the clause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import Connection

from settlement.people import entitling
from settlement.people.register import Entry, chunks
from settlement.policy import months, store
from settlement.policy.eligibility import PersonFacts, Why, reckoning_day
from settlement.policy.entitlement import Entitlement, entitlement
from settlement.policy.rules_people import Benefit
from settlement.policy.scheme import Scheme

State = Literal["given", "open", "denied"]
STILL_OPEN = frozenset({Why.NOT_ASSESSED, Why.NO_TIER})
"""An assessment may still decide these."""


@dataclass(frozen=True)
class Prospect:
    """One benefit. ``amounts``: fen per month that it may give, one when it is known; none when it is denied."""

    benefit: Benefit
    state: State
    zh: str
    en: str
    clause: str
    amounts: tuple[int, ...] = ()


def of_entry(entry: Entry) -> PersonFacts:
    """What a form says of somebody who is not on the register yet."""
    return PersonFacts(
        birth_date=entry.identity.birth_date,
        categories=frozenset(entry.categories),
        ability_level=entry.level,
        assessed_on=entry.assessed_on,
        residence_since=entry.resident_since or entry.registered_since or entry.identity.birth_date,
        registered_here=True,
    )


def of_facts(scheme: Scheme, facts: PersonFacts, on: date) -> list[Prospect]:
    """Every benefit of the scheme, in its order, judged by the facts of a day."""
    judged = entitlement(scheme, facts, on)
    given = {each.benefit.code: each for each in judged.given}
    against = {each.benefit: each for each in judged.denials}
    found = []
    for benefit in scheme.benefits:
        cited = scheme.clause(f"benefits.{benefit.code}").zh
        if benefit.code in given:
            amount = given[benefit.code].amount_fen
            found.append(Prospect(benefit, "given", "符合条件", "fulfils the conditions", cited, (amount,)))
            continue
        denial = against[benefit.code]
        clause = f"依据文件{denial.clause}" if denial.clause else cited
        zh, en = denial.zh.partition("：")[2], denial.en.partition(": ")[2]
        if denial.why in STILL_OPEN:
            amounts = tuple(sorted({tier.amount_fen for tier in benefit.tiers} or {benefit.amount_fen or 0}))
            found.append(Prospect(benefit, "open", zh, en, clause, amounts))
        else:
            found.append(Prospect(benefit, "denied", zh, en, clause))
    return found


def hopeless(prospects: Sequence[Prospect]) -> bool:
    """No benefit is given or may still be."""
    return all(each.state == "denied" for each in prospects)


def decided(
    conn: Connection, scheme: Scheme, senior_ids: Sequence[int], publicity_until: date
) -> Mapping[int, Entitlement]:
    """What each person gets when the publicity that ends on a day stays without objection: as the decision will reckon it."""
    first = months.first_month(scheme, publicity_until)
    on, then = reckoning_day(first), store.in_force(conn, scheme.code, first)
    found: dict[int, Entitlement] = {}
    for part in chunks(senior_ids):
        for senior_id, facts in entitling.facts_of(conn, part, on).items():
            found[senior_id] = entitlement(then, facts, on)
    return found
