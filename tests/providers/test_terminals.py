"""A terminal's keys: made once, exchanged, kept where nobody reads them; and what an office types about terminals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select, update

from settlement import keys, officers
from settlement.act import Act
from settlement.cli.common import Desk
from settlement.cli.terminals import terminal
from settlement.demo.county import credit_code
from settlement.errors import BrokenInvariant
from settlement.outcomes import Reason, Refused
from settlement.providers import register, terminals
from settlement.providers.tables import terminal_keys
from settlement.providers.tables import terminals as rows
from tests.conftest import Databases
from tests.support import RING, acting, at, officer

CODE, OTHER_CODE = "91110000600037341L", credit_code(7)
ID, MERCHANT = "T0000001", "M00000000000001"
AREA = officer("area", "civil_affairs")


def provider(act: Act, code: str = CODE) -> int:
    return register.register(act, code=code, name="康寿", bank_name="江苏银行", bank_account="6217000011112222")


@pytest.fixture
def ours(engine: Engine) -> int:
    with acting(engine, by=AREA) as act:
        return provider(act)


def registered(engine: Engine, ours: int, id: str = ID) -> terminals.Registered:
    with acting(engine, by=AREA) as act:
        return terminals.register(act, RING, id, MERCHANT, ours)


def refused(engine: Engine, by: Any, call: Any) -> Reason:
    with pytest.raises(Refused) as error, acting(engine, by=by) as act:
        call(act)
    return error.value.reason


def test_the_key_is_shown_once_and_lies_encrypted(engine: Engine, ours: int) -> None:
    made = registered(engine, ours)
    assert (len(bytes.fromhex(made.key)), made.check) == (16, terminals.check_value(bytes.fromhex(made.key)))
    with acting(engine) as act:
        known = terminals.known(act.conn, RING, ID)
        assert known is not None
        assert (known.key.hex().upper(), known.merchant_id, known.working) == (made.key, MERCHANT, ())
        kept = repr(act.conn.execute(select(rows)).all())
    assert made.key.lower() not in kept.lower()
    assert terminals.check_value(bytes(16)) == "763CBC"  # RFC 4493's CMAC of one zero block, worked out with openssl
    assert refused(engine, AREA, lambda act: terminals.register(act, RING, ID, MERCHANT, ours)) is Reason.ID_REUSED


@pytest.mark.parametrize(
    ("id", "merchant"),
    [("short", MERCHANT), ("T000000 ", MERCHANT), (ID, "M1"), ("终端000001", MERCHANT), (ID, "M" * 16)],
)
def test_numbers_that_do_not_fit_the_fields(engine: Engine, ours: int, id: str, merchant: str) -> None:
    assert refused(engine, AREA, lambda act: terminals.register(act, RING, id, merchant, ours)) is Reason.BAD_INPUT


def test_who_may(engine: Engine, ours: int) -> None:
    stranger = officer("stranger", "provider", provider_id=ours + 1)
    town = officer("town", "town", town="仙女镇")
    for who in (stranger, town):
        assert refused(engine, who, lambda act: terminals.register(act, RING, ID, MERCHANT, ours)) is Reason.NOT_ALLOWED
    assert refused(engine, AREA, lambda act: terminals.register(act, RING, ID, MERCHANT, 99)) is Reason.NOT_FOUND
    registered(engine, ours)
    assert refused(engine, stranger, lambda act: terminals.revoke(act, ID, "x")) is Reason.NOT_ALLOWED
    assert refused(engine, AREA, lambda act: terminals.revoke(act, "T0000009", "x")) is Reason.NOT_FOUND
    assert refused(engine, AREA, lambda act: terminals.revoke(act, ID, " ")) is Reason.BAD_INPUT
    with acting(engine, "2026-07-02 09:00", AREA) as act:
        terminals.revoke(act, ID, "lost")
    assert refused(engine, AREA, lambda act: terminals.revoke(act, ID, "lost")) is Reason.WRONG_STATE


def test_keys_exchanged_are_good_together_until_the_new_ones_are_used(engine: Engine, ours: int) -> None:
    registered(engine, ours)

    def generations() -> list[int]:
        with acting(engine) as act:
            known = terminals.known(act.conn, RING, ID)
            assert known is not None
            return [each.generation for each in known.working]

    def exchange() -> terminals.WorkingKeys:
        with acting(engine) as act:
            return terminals.exchange(act, RING, ID)

    def used(generation: int) -> None:
        with acting(engine) as act:
            terminals.in_use(act, ID, generation)

    made = [exchange(), exchange()]
    assert len({key for each in made for key in (each.mac, each.pin)}) == 4
    assert generations() == [2, 1]
    used(2)
    assert generations() == [2]
    exchange()
    exchange()
    assert generations() == [4, 3, 2]
    used(3)  # the answer to the fourth never came
    assert generations() == [4, 3]
    for _ in range(9):
        exchange()
    assert len(generations()) == terminals.MOST_IN_USE


def test_two_exchanges_at_once_make_two_generations(engine: Engine, ours: int) -> None:
    registered(engine, ours)

    def exchange(_: int) -> int:
        with acting(engine) as act:
            return terminals.exchange(act, RING, ID).generation

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(exchange, range(4))) == [1, 2, 3, 4]


def test_a_key_moved_to_another_terminals_row_does_not_open(engine: Engine, ours: int) -> None:
    registered(engine, ours)
    registered(engine, ours, "T0000002")
    with acting(engine) as act:
        terminals.exchange(act, RING, ID)
        cipher = act.conn.execute(select(rows.c.key_cipher).where(rows.c.id == ID)).scalar_one()
        act.conn.execute(update(rows).where(rows.c.id == "T0000002").values(key_cipher=cipher))
        with pytest.raises(BrokenInvariant):
            terminals.known(act.conn, RING, "T0000002")
        k = terminal_keys.c
        mac = act.conn.execute(select(k.mac_cipher)).scalar_one()
        act.conn.execute(update(terminal_keys).values(pin_cipher=mac))
        with pytest.raises(BrokenInvariant):
            terminals.known(act.conn, RING, ID)


# -- the commands -----------------------------------------------------------------------------------------------------------------
class Office:
    """Types commands on the morning of 1 September 2026."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.keys_file = engine, folder / "keys.json"
        keys.save(RING, self.keys_file)

    def type(self, command: str) -> Result:
        desk = Desk(url=str(self.engine.url), keys_file=self.keys_file, clock=lambda: at("2026-09-01 09:00"))
        return CliRunner().invoke(terminal, command.split(), obj=desk)

    def told(self, command: str) -> Any:
        result = self.type(f"{command} --json")
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout)


@pytest.fixture
def office(databases: Databases, tmp_path: Path) -> Iterator[Office]:
    engine = databases.create("sqlite")
    with acting(engine, "2026-06-20 09:00", AREA) as act:
        ours = provider(act)
        officers.add(act, "area", "林芳", "civil_affairs")
        officers.add(act, "desk", "李娟", "provider", provider_id=ours)
        officers.add(act, "elsewhere", "王强", "provider", provider_id=provider(act, OTHER_CODE))
    yield Office(engine, tmp_path)
    databases.drop(engine)


def test_a_terminals_life_on_the_command_line(office: Office) -> None:
    made = office.told(
        f"register {ID} --merchant {MERCHANT} --provider {CODE} --latitude 32.43 --longitude 119.55 --by desk"
    )
    assert made == {"terminal_id": ID, "key": made["key"], "check": terminals.check_value(bytes.fromhex(made["key"]))}
    again = office.type(f"register T0000002 --merchant {MERCHANT} --provider {CODE} --by area").output
    assert "只显示这一次" in again
    (one, two) = office.told(f"list --provider {CODE} --by desk")["terminals"]
    assert (one["terminal_id"], one["merchant_id"], one["open_batch"], one["revoked_at"]) == (ID, MERCHANT, None, None)
    assert two["terminal_id"] == "T0000002"
    assert office.told(f"revoke {ID} --reason lost --by desk")["revoked_at"] == "2026-09-01T09:00:00+08:00"
    assert office.told(f"list --provider {CODE} --by desk")["terminals"][0]["reason"] == "lost"
    assert made["key"] not in office.type(f"list --provider {CODE} --by desk").output
    assert office.told(f"open --provider {CODE} --by desk") == {"count": 0, "advices": []}
    for command in (f"list --provider {CODE}", f"open --provider {CODE}", f"revoke {ID} --reason x"):
        refusal = office.type(f"{command} --by elsewhere").exception
        assert isinstance(refusal, Refused)
        assert refusal.reason is Reason.NOT_ALLOWED
