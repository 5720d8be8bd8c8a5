"""Every step a card may take, and every step it may not."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from settlement.act import Act
from settlement.cards import book, lifecycle, money, registry, token
from settlement.cards.tables import media
from settlement.ledger import accounts as account_book
from settlement.ledger import balance, chart, transfer
from settlement.ledger.transfer import Posted, Transfer
from settlement.outcomes import Declined, Reason, Refused
from tests.cards.county import COUNTER, DISTRICT, SCHEME, TOWN, TOWN_CLERK, card, senior
from tests.support import RING, acting, at, officer


def _steps(act: Act, card_id: int) -> dict[str, object]:
    """How each event is asked for; any of them may be refused."""
    return {
        "activate": lambda: registry.activate(act, card_id),
        "report_lost": lambda: registry.report_lost(act, card_id),
        "replace": lambda: registry.replace(act, RING, card_id),
        "freeze": lambda: registry.freeze(act, card_id, since=act.now, reason="order"),
        "unfreeze": lambda: registry.unfreeze(act, card_id, why="查无此事"),
        "close": lambda: money.close(act, card_id, payee="senior", why="本人申请"),
    }


def _bring_to(act: Act, state: str) -> int:
    someone = senior(act)
    card_id = registry.issue(act, RING, SCHEME, someone)
    path = {
        "issued": [],
        "active": ["activate"],
        "lost": ["activate", "report_lost"],
        "frozen": ["activate", "freeze"],
        "closed": ["activate", "close"],
    }[state]
    for event in path:
        _steps(act, card_id)[event]()
    return card_id


# What the counter's rules allow, written out again by hand: state -> event -> state.
ALLOWED = {
    "issued": {"activate": "active", "report_lost": "lost", "replace": "issued", "freeze": "frozen", "close": "closed"},
    "active": {"report_lost": "lost", "replace": "active", "freeze": "frozen", "close": "closed"},
    "lost": {"replace": "active", "freeze": "frozen", "close": "closed"},
    "frozen": {"freeze": "frozen", "unfreeze": "active", "close": "closed"},
    "closed": {"close": "closed"},
}


def test_every_listed_step_is_taken_and_every_other_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever acts may: only the state decides here.
    monkeypatch.setattr(registry, "require", lambda *args, **scope: None)
    with acting(engine, by=COUNTER) as act:
        for state, allowed in ALLOWED.items():
            for event in ("activate", "report_lost", "replace", "freeze", "unfreeze", "close"):
                card_id = _bring_to(act, state)
                if event in allowed:
                    _steps(act, card_id)[event]()
                    assert book.get(act.conn, card_id).status == allowed[event], (state, event)
                else:
                    with pytest.raises(Refused) as refusal:
                        _steps(act, card_id)[event]()
                    assert refusal.value.reason is Reason.CARD_STATE, (state, event)
                    assert book.get(act.conn, card_id).status == state


@pytest.mark.parametrize(
    ("role", "event"),
    [
        ("provider", "report_lost"),
        ("town", "replace"),
        ("village", "unfreeze"),
        ("civil_affairs", "close"),
        ("auditor", "freeze"),
    ],
)
def test_a_role_takes_only_its_own_steps(databases, role: str, event: str) -> None:  # type: ignore[no-untyped-def]
    engine = databases.create("sqlite")
    with acting(engine) as act:
        state = "frozen" if event == "unfreeze" else "active"
        card_id = registry.issue(act, RING, SCHEME, senior(act))
        registry.activate(act, card_id)
        if state == "frozen":
            registry.freeze(act, card_id, since=act.now, reason="order")
    with pytest.raises(Refused) as refusal, acting(engine, by=officer("x", role, town=TOWN)) as act:
        _steps(act, card_id)[event]()
    assert refusal.value.reason is Reason.NOT_ALLOWED
    databases.drop(engine)


def test_a_town_touches_only_its_own_cards(engine: Engine) -> None:
    with acting(engine) as act:
        elsewhere = senior(act, town="邵伯镇")
        card_id = card(act, elsewhere)
    for call in (
        lambda act: registry.freeze(act, card_id, since=act.now, reason="order"),
        lambda act: registry.issue_many(act, RING, SCHEME, [elsewhere]),
    ):
        with pytest.raises(Refused) as refusal, acting(engine, by=TOWN_CLERK) as act:
            call(act)
        assert refusal.value.reason is Reason.NOT_ALLOWED


def test_a_lost_card_stops_at_once_and_its_old_code_is_dead(engine: Engine) -> None:
    """Lost on 10 July at 8:00, replaced on the 13th: the old code counts for a scan before the report only, the purse works again after."""
    with acting(engine, "2026-07-01 09:00", COUNTER) as act:
        card_id = card(act, senior(act))
        money.top_up(act, "T1", card_id, 50_00, act.now)
        old = _code(act, card_id)
        assert isinstance(token.read(act.conn, RING, old, at("2026-07-05 10:00")), token.Medium)
    with acting(engine, "2026-07-10 09:00", COUNTER) as act:
        registry.report_lost(act, card_id, at=at("2026-07-10 08:00"))
        assert _reason(token.read(act.conn, RING, old, at("2026-07-10 08:00"))) is Reason.CODE_DEAD
        assert isinstance(token.read(act.conn, RING, old, at("2026-07-10 07:59")), token.Medium)
        assert _reason(_spend(act, card_id, "v1", at("2026-07-10 08:30"))) is Reason.ACCOUNT_FROZEN
        assert isinstance(_spend(act, card_id, "v2", at("2026-07-10 07:30")), Posted)  # happened before, arrives after
    with acting(engine, "2026-07-13 09:00", COUNTER) as act:
        assert registry.replace(act, RING, card_id) == 2
        new = _code(act, card_id)
        medium = token.read(act.conn, RING, new, act.now)
        assert isinstance(medium, token.Medium)
        assert (medium.card_id, medium.issue) == (card_id, 2)
        assert _reason(token.read(act.conn, RING, old, act.now)) is Reason.CODE_DEAD
        assert isinstance(_spend(act, card_id, "v3", act.now), Posted)
        assert balance.balance(act.conn, medium.personal_account_id) == 10_00  # 50.00, less 20.00 twice


def test_a_freeze_remembers_what_the_card_was(engine: Engine) -> None:
    with acting(engine, "2026-07-01 09:00", DISTRICT) as act:
        with acting_as(act, COUNTER) as counter:
            waiting = registry.issue(counter, RING, SCHEME, senior(counter))
            lost = card(counter, senior(counter))
            registry.report_lost(counter, lost)
        for card_id in (waiting, lost):
            registry.freeze(act, card_id, since=at("2026-06-20 00:00"), reason="order")
        assert registry.unfreeze(act, waiting, why="更正") == "issued"
        assert registry.unfreeze(act, lost, why="更正") == "lost"
        assert book.get(act.conn, lost).frozen_from == act.now  # the loss, no longer the order
        assert book.get(act.conn, waiting).frozen_from is None


def test_the_earlier_freeze_keeps_its_moment(engine: Engine) -> None:
    """Frozen by order from 20 August; later the death of the 15th is learnt; a second report of the 18th moves nothing."""
    with acting(engine) as act:
        card_id = card(act, senior(act))
        for day, reason, expected in (("20", "order", "20"), ("15", "died", "15"), ("18", "left", "15")):
            registry.freeze(act, card_id, since=at(f"2026-08-{day} 00:00"), reason=reason)
            assert book.get(act.conn, card_id).frozen_from == at(f"2026-08-{expected} 00:00")


def test_closing_pays_the_holder_and_returns_the_rest(engine: Engine) -> None:
    """300.00 own money and 150.00 subsidy: the agent gets 300.00, the funds 150.00, and nothing can be spent any more."""
    with acting(engine, by=COUNTER) as act:
        card_id = card(act, senior(act))
        money.top_up(act, "T1", card_id, 300_00, act.now)
        _load(act, card_id, 150_00)
        assert money.close(act, card_id, payee="agent", refund_no="R1", why="去世") == money.Closed(
            300_00, 150_00, "agent"
        )
        closed = book.get(act.conn, card_id)
        assert closed.status == lifecycle.CLOSED
        assert [balance.balance(act.conn, id) for id in book.account_ids(act.conn, card_id)] == [0, 0]
        control = account_book.account_id(act.conn, chart.VOUCHER_CONTROL, f"scheme:{SCHEME}")
        trust = account_book.account_id(act.conn, chart.OPERATOR_TRUST, "operator")
        assert control is not None and trust is not None
        assert (balance.balance(act.conn, control), balance.balance(act.conn, trust)) == (0, 0)
        with pytest.raises(Refused) as refusal:
            money.top_up(act, "T2", card_id, 1_00, act.now)
        assert refusal.value.reason is Reason.CARD_CLOSED


def test_what_a_void_gives_back_after_closing_is_paid_out_too(engine: Engine) -> None:
    with acting(engine, "2026-08-01 09:00", COUNTER) as act:
        card_id = card(act, senior(act))
        money.top_up(act, "T1", card_id, 50_00, act.now)
        assert isinstance(_spend(act, card_id, "v1", act.now), Posted)
        assert money.close(act, card_id, payee="senior", why="迁出").refunded_fen == 30_00
    with acting(engine, "2026-08-09 09:00", COUNTER) as act:
        assert isinstance(transfer.reverse_group(act, "debit:v1", "void:v1", "visit:v1", act.now), Posted)
        assert money.close(act, card_id, payee="senior", why="废单退回").refunded_fen == 20_00
        assert money.close(act, card_id, payee="senior", why="再次").refunded_fen == 0


def test_who_comes_back_gets_a_new_medium_on_the_old_card(engine: Engine) -> None:
    with acting(engine, "2026-07-01 09:00", COUNTER) as act:
        someone = senior(act)
        card_id = card(act, someone)
        old = _code(act, card_id)
        with pytest.raises(Refused) as refusal:
            registry.issue(act, RING, SCHEME, someone)
        assert refusal.value.reason is Reason.CARD_EXISTS
        money.close(act, card_id, payee="senior", why="迁出")
        assert _reason(token.read(act.conn, RING, old, act.now)) is Reason.CARD_CLOSED
    with acting(engine, "2027-03-01 09:00", COUNTER) as act:
        assert registry.bind(act, RING, SCHEME, someone, "6217001234567890") == card_id
        money.top_up(act, "T9", card_id, 10_00, act.now)
        medium = token.read(act.conn, RING, _code(act, card_id), act.now)
        assert isinstance(medium, token.Medium)
        assert medium.card_no == "6217001234567890"


def test_cards_for_a_whole_town(engine: Engine) -> None:
    with acting(engine, by=TOWN_CLERK) as act:
        people = [senior(act) for _ in range(7)]
        first = registry.issue_many(act, RING, SCHEME, people[:3], {people[0]: "6217000000000001"})
        both = registry.issue_many(act, RING, SCHEME, people)
        assert {id: both[id] for id in people[:3]} == first
        assert len(set(both.values())) == 7
        numbers = act.conn.execute(select(media.c.card_no).order_by(media.c.card_id)).scalars().all()
        assert numbers[0] == "6217000000000001"
        assert len(set(numbers)) == 7
        registry.activate_many(act, list(both.values()))
        with pytest.raises(Refused) as refusal:
            registry.issue_many(act, RING, SCHEME, [senior(act)], {people[-1] + 1: "6217000000000001"})
        assert refusal.value.reason is Reason.CARD_NUMBER_TAKEN


# -- helpers ------------------------------------------------------------------------------------------------------------------


def acting_as(act: Act, who):  # type: ignore[no-untyped-def]
    """The same transaction, another person."""
    from contextlib import nullcontext

    return nullcontext(Act(act.conn, who, act.now))


def _code(act: Act, card_id: int) -> str:
    medium = book.live_medium(act.conn, card_id)
    assert medium is not None
    return token.make(RING, medium.token_id, medium.issue)


def _reason(outcome: object) -> Reason | None:
    return outcome.reason if isinstance(outcome, Declined) else None


def _spend(act: Act, card_id: int, id: str, moment) -> Posted | Declined:  # type: ignore[no-untyped-def]
    """20.00 of own money, as a debit takes it."""
    purse = book.get(act.conn, card_id).personal_account_id
    claim = account_book.open_account(act, chart.PROVIDER_CLAIM_PERSONAL, "provider:1")
    one = Transfer(f"debit:{id}", purse, claim, 20_00, "debit_personal", f"debit:{id}", moment, spending=True)
    return transfer.post(act, f"debit:{id}", [one])


def _load(act: Act, card_id: int, fen: int) -> None:
    purse = book.get(act.conn, card_id).subsidy_account_id
    control = account_book.open_account(act, chart.VOUCHER_CONTROL, f"scheme:{SCHEME}")
    outcome = transfer.post(
        act, f"load/{card_id}", [Transfer(f"load/{card_id}", control, purse, fen, "issue", "issuance:x", act.now)]
    )
    assert isinstance(outcome, Posted)
