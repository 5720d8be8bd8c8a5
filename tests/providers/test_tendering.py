"""From a tender's result to a contract that another person approved."""

from __future__ import annotations

from datetime import date
from importlib import resources

import pytest
from sqlalchemy import Engine, insert, select

from settlement.outcomes import Reason, Refused
from settlement.policy import store, tariff
from settlement.policy.price_sheet import builtin_prices
from settlement.policy.scheme import Scheme
from settlement.providers import register, rights, tendering
from settlement.providers.tables import contract_proposals, contracts, providers
from tests.support import acting, officer

ZHAO, SUN = officer("zhao", "civil_affairs"), officer("sun", "civil_affairs")
TOWN, OTHER = "仙女镇", "丁伙镇"
NOW = "2026-06-20 09:00"


class District:
    """A scheme with prices from July on, one provider that won 仙女镇 in June's tender."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with acting(engine, "2026-01-02 09:00", ZHAO) as act:
            text = (resources.files("settlement.policy") / "schemes" / "jiangdu.toml").read_text()
            self.scheme: Scheme = store.store(act, text)
            prices = tariff.draft_list(
                act, self.scheme, builtin_prices(self.scheme), version="1", valid_from=date(2026, 7, 1)
            )
            row = {"code": "91321012MA1A0000XX", "name": "安康", "bank_name": "江都农商行", "bank_account": "1"}
            made = insert(providers).values(row | {"created_at": act.now}).returning(providers.c.id)
            self.provider = int(act.conn.execute(made).scalar_one())
        with acting(engine, "2026-01-03 09:00", SUN) as act:
            tariff.approve_list(act, self.scheme, prices)
        with acting(engine, NOW, ZHAO) as act:
            self.tender = tendering.record(act, self.scheme, "江采2026-017", "居家养老上门服务", date(2026, 6, 18))
            assert tendering.award(act, self.tender, self.provider, [TOWN]) == 1
            self.award = 1

    def propose(self, first: str, last: str, by=ZHAO, award: int | None = None) -> int:  # type: ignore[no-untyped-def]
        days = date.fromisoformat(first), date.fromisoformat(last)
        with acting(self.engine, NOW, by) as act:
            return tendering.propose(act, self.scheme, award or self.award, *days)

    def may_serve(self, on: str) -> Reason | None:
        with self.engine.connect() as conn:
            return rights.may_serve(conn, self.provider, TOWN, self.scheme.code, date.fromisoformat(on))


@pytest.fixture
def district(engine: Engine) -> District:
    return District(engine)


def test_a_contract_stands_only_when_another_person_approved_it(district: District) -> None:
    proposal = district.propose("2026-07-01", "2027-06-30")
    assert district.may_serve("2026-07-01") is Reason.NO_CONTRACT
    with pytest.raises(Refused) as same, acting(district.engine, NOW, ZHAO) as act:
        tendering.approve(act, proposal)
    assert same.value.reason is Reason.SAME_PERSON
    with acting(district.engine, NOW, SUN) as act:
        contract = tendering.approve(act, proposal)
    assert [district.may_serve(day) for day in ("2026-06-30", "2026-07-01", "2027-06-30", "2027-07-01")] == [
        Reason.NO_CONTRACT,
        None,
        None,
        Reason.NO_CONTRACT,
    ]
    with acting(district.engine, NOW, SUN) as act:
        assert tendering.approve(act, proposal) == contract
        assert len(act.conn.execute(select(contracts)).all()) == 1


def test_what_was_rejected_may_be_drawn_up_anew(district: District) -> None:
    proposal = district.propose("2026-07-01", "2027-06-30")
    with acting(district.engine, NOW, SUN) as act:
        tendering.reject(act, proposal, "日期与中标通知不符")
    with pytest.raises(Refused) as ended, acting(district.engine, NOW, SUN) as act:
        tendering.approve(act, proposal)
    assert ended.value.reason is Reason.WRONG_STATE
    again = district.propose("2026-07-01", "2027-06-29")
    assert again != proposal
    with district.engine.connect() as conn:
        kept = conn.execute(select(contract_proposals.c.status).order_by(contract_proposals.c.id)).scalars().all()
    assert kept == ["rejected", "proposed"]


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("2026-07-01", "2027-07-01", Reason.CONTRACT_TOO_LONG),  # a year and a day
        ("2026-06-25", "2027-06-24", Reason.NO_PRICES),  # the list begins in July
        ("2026-07-02", "2026-07-01", Reason.BAD_INPUT),
    ],
)
def test_a_contract_runs_a_year_at_most_and_needs_prices(
    district: District, first: str, last: str, why: Reason
) -> None:
    with pytest.raises(Refused) as refused:
        district.propose(first, last)
    assert refused.value.reason is why


def test_one_proposal_waits_for_a_town_and_the_same_again_is_the_same(district: District) -> None:
    proposal = district.propose("2026-07-01", "2027-06-30")
    assert district.propose("2026-07-01", "2027-06-30") == proposal
    with pytest.raises(Refused) as other:
        district.propose("2026-07-01", "2027-06-30", by=SUN)
    assert other.value.reason is Reason.TOWN_NOT_WON
    with pytest.raises(Refused) as unknown:
        district.propose("2026-07-01", "2027-06-30", award=999)
    assert unknown.value.reason is Reason.NOT_FOUND


def test_a_contract_that_overlaps_one_in_force_cannot_be_approved(district: District) -> None:
    with acting(district.engine, NOW, ZHAO) as act:
        register.contract(act, district.provider, "jiangdu", TOWN, date(2026, 1, 1), date(2026, 8, 1))
    proposal = district.propose("2026-07-01", "2027-06-30")
    with pytest.raises(Refused) as refused, acting(district.engine, NOW, SUN) as act:
        tendering.approve(act, proposal)
    assert refused.value.reason is Reason.CONTRACT_OVERLAPS


def test_a_tender_is_entered_once_and_awards_add_up(district: District) -> None:
    with acting(district.engine, NOW, SUN) as act:
        same = tendering.record(act, district.scheme, "江采2026-017", "居家养老上门服务", date(2026, 6, 18))
        assert same == district.tender
        assert tendering.award(act, district.tender, district.provider, [TOWN, OTHER, " "]) == 1
    with pytest.raises(Refused) as other, acting(district.engine, NOW, SUN) as act:
        tendering.record(act, district.scheme, "江采2026-017", "另一个项目", date(2026, 6, 18))
    assert other.value.reason is Reason.ID_REUSED
    with pytest.raises(Refused) as future, acting(district.engine, NOW, SUN) as act:
        tendering.record(act, district.scheme, "江采2026-018", "下一轮", date(2026, 6, 21))
    assert future.value.reason is Reason.DAY_IN_FUTURE
    with pytest.raises(Refused) as nobody, acting(district.engine, NOW, officer("li", "town", town=TOWN)) as act:
        tendering.award(act, district.tender, district.provider, [OTHER])
    assert nobody.value.reason is Reason.NOT_ALLOWED
