"""Rules about money and months: cycles, first and last months, purses, who bears and who pays. Each class is one table of the scheme file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from settlement.policy.citation import Rule
from settlement.policy.shape import Between, Code


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstMonth(Rule):
    rule: Literal["month_after_publicity", "month_of_publicity"]
    """The first month paid, counted from the day publicity ended without objection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Rule):
    rule: Literal["next_month"]
    """A new ability level, category or age band counts from the month after it came about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Rule):
    spending: Literal["at_once"]
    """On death, move or freeze nothing can be spent from that moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMonth(Rule):
    rule: Literal["month_of_event", "month_before_event"]
    """The last month issued when somebody dies, moves away or is frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnClosing(Rule):
    unspent: Literal["returns"]
    """What was issued and not spent goes back to the funds when the account is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    first: FirstMonth
    change: Change
    stop: Stop
    last: LastMonth
    closing: OnClosing


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCycle(Rule):
    months: Literal[1, 6]
    """Months whose entitlement is loaded at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleCycle(Rule):
    every: Literal["month"]
    """How often providers get a statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayCycle(Rule):
    every: Literal["quarter"]
    """How often statements are funded and paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    issue: IssueCycle
    settle: SettleCycle
    pay: PayCycle


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseOrder(Rule):
    accounts: tuple[Literal["subsidy", "personal"], ...]
    """Which account of the card a debit takes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cash(Rule):
    accepted: bool
    """What the purses lack may be paid in cash at the door against a receipt; recorded, never settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOver(Rule):
    carries: bool
    """Unspent subsidy stays usable: the card has one lot. Otherwise each issue is a lot that lapses."""
    lapses_after: Literal["quarter", "year"] | None = None
    """The period after whose end a lot lapses; only without carry-over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyCap(Rule):
    applies: bool
    """Per person and calendar year no more may be settled than the sum of that year's monthly entitlements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purses:
    order: PurseOrder
    cash: Cash
    carry_over: CarryOver
    yearly_cap: YearlyCap


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    code: Code
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Rule):
    payer: Code
    weight: Annotated[int, Between(0, 1000)]

    @property
    def code(self) -> str:
        return self.payer


@dataclass(frozen=True, slots=True, kw_only=True)
class TownShares(Rule):
    """Other shares for one town."""

    town: str
    shares: tuple[Share, ...]

    @property
    def code(self) -> str:
        return self.town


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Rule):
    rule: Literal["town_pays", "district_pays", "each_pays"]
    """``town_pays``: the town pays the provider the net amount, the district transfers its share to the town; ``district_pays``: the
    district pays all and claims the town's share; ``each_pays``: each payer pays its own share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingFence(Rule):
    dedicated_account: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRule(Rule):
    before_export: bool
    """An order to a provider goes to the bank once its invoices come to its amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRule(Rule):
    before_export: bool
    """The orders of a town go to the bank once the town has put its own share of the quarter onto the account that pays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    payers: tuple[Payer, ...]
    shares: tuple[Share, ...]
    """In the order that breaks ties of the last fen."""
    towns: tuple[TownShares, ...] = ()
    route: Route
    ring_fence: RingFence
    invoice: InvoiceRule | None = None
    town_share: ShareRule | None = None
