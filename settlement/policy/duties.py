"""What a scheme owes a person in visits, and what each payer bears of a town's cost. Pure functions."""

from __future__ import annotations

from settlement.policy.scheme import Scheme


def visits_required(scheme: Scheme, benefit: str, level: int | None) -> int:
    """The least number of visits a month for somebody with this benefit and ability level. Raises KeyError for an unknown benefit."""
    tier = scheme.benefit(benefit).tier(level)
    for rule in scheme.visits.monthly:
        if rule.benefit == benefit and rule.tier in (None, tier.code if tier else None):
            return rule.visits
    return 0


def shares_for(scheme: Scheme, town: str) -> tuple[tuple[str, int], ...]:
    """Payers and weights for a town, in the order that breaks ties of the last fen."""
    override = next((entry for entry in scheme.funding.towns if entry.town == town), None)
    return tuple((share.payer, share.weight) for share in (override.shares if override else scheme.funding.shares))
