"""What a person gets per month, with the explanation the person is owed. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from settlement.policy.eligibility import Denial, EligibleBenefit, PersonFacts, Why, deny, judge
from settlement.policy.scheme import Scheme


@dataclass(frozen=True, slots=True)
class Entitlement:
    """``amount_fen`` per month: of the one benefit given, or the sum of all. ``denials``: why every other benefit is not given."""

    scheme: str
    version: str
    on: date
    given: tuple[EligibleBenefit, ...]
    amount_fen: int
    denials: tuple[Denial, ...]

    @property
    def benefit_code(self) -> str | None:
        """The code of the benefit given, ``a+b`` where several are; None when there is none."""
        return "+".join(each.benefit.code for each in self.given) or None

    @property
    def tier_code(self) -> str | None:
        return next((each.tier.code for each in self.given if each.tier), None)


def entitlement(scheme: Scheme, facts: PersonFacts, on: date) -> Entitlement:
    """The monthly amount by the facts of one day. Benefits combine as the scheme says; of equal amounts the one listed first counts."""
    eligible, denials = judge(scheme, facts, on)
    given = eligible
    if scheme.combination.rule == "highest" and eligible:
        best = max(eligible, key=lambda each: each.amount_fen)  # max() keeps the first of equals
        given = [best]
        words = {"other_zh": best.benefit.name_zh, "other_en": best.benefit.name_en}
        denials += [
            deny(each.benefit, Why.LOWER_AMOUNT, scheme.combination.clause, **words)
            for each in eligible
            if each is not best
        ]
    total = sum(each.amount_fen for each in given)
    return Entitlement(scheme.code, scheme.version, on, tuple(given), total, tuple(denials))
