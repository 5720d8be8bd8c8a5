"""A provider's office from the entry in the register to the device that was lost, on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from settlement import keys, officers
from settlement.cli.common import Desk
from settlement.cli.gateway import device
from settlement.cli.providers import caregiver, provider
from settlement.outcomes import Reason, Refused
from settlement.policy import loader, store
from settlement.providers import devices
from tests.conftest import Databases
from tests.support import RING, acting, at

CODE = "91110000600037341L"
PHONE = "13800001234"


class Office:
    """Types commands on the morning of 1 September 2026."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.keys_file = folder / "keys.json"
        keys.save(RING, self.keys_file)

    def type(self, command: str) -> Result:
        desk = Desk(url=str(self.engine.url), keys_file=self.keys_file, clock=lambda: at("2026-09-01 09:00"))
        group, *words = command.split()
        return CliRunner().invoke({each.name: each for each in (provider, caregiver, device)}[group], words, obj=desk)

    def told(self, command: str) -> Any:
        result = self.type(f"{command} --json")
        assert result.exit_code == 0, result.output + repr(result.exception)
        return json.loads(result.stdout)

    def refused(self, command: str) -> Reason:
        exception = self.type(command).exception
        assert isinstance(exception, Refused), exception
        return exception.reason


@pytest.fixture
def office(databases: Databases, tmp_path: Path) -> Iterator[Office]:
    """A provider in the register, its officer, and the district's."""
    engine = databases.create("sqlite")
    with acting(engine, "2026-06-20 09:00") as act:
        store.store(act, loader.builtin_text("jiangdu"), "jiangdu.toml")
        officers.add(act, "area", "林芳", "civil_affairs")
    made = Office(engine, tmp_path)
    ours = made.told(f"provider add {CODE} --name 康寿 --bank 江苏银行 --account 6217000011112222 --by area")[
        "provider_id"
    ]
    with acting(engine, "2026-06-20 09:00") as act:
        officers.add(act, "office", "唐洁", "provider", provider_id=ours)
    yield made
    databases.drop(engine)


def test_contracts_and_a_ban(office: Office) -> None:
    days = "--from 2026-07-01 --last-day 2027-06-30 --by area"
    made = office.told(f"provider contract {CODE} --town 仙女镇 {days}")["contract_id"]
    office.told(f"provider end-contract {made} --last-day 2026-09-30 --why 季度考核不合格 --by area")
    ban = f"provider ban {CODE} --ground goods_for_service --why 以物抵服务 --from 2026-09-10"
    assert office.refused(f"{ban} --by office") is Reason.NOT_ALLOWED
    assert office.told(f"{ban} --by area")["may_return"] == "2029-09-10"
    (listed,) = office.told("provider list --by office")["providers"]
    (contract,) = listed["contracts"]
    assert (contract["first_day"], contract["last_day"]) == ("2026-07-01", "2026-09-30")
    assert (listed["may_return"], listed["account"]) == ("2029-09-10", "**** 2222")
    assert "仙女镇 2026-07-01 – 2026-09-30" in office.type("provider list --by area").stdout
    assert office.refused(f"provider contract {CODE} --town 大桥镇 --scheme typo {days}") is Reason.NO_SCHEME_IN_FORCE


def test_a_caregiver_from_the_first_day_to_the_last(office: Office) -> None:
    whose = f"--provider {CODE} --by office"

    def today() -> str:
        return str(office.told(f"caregiver list {whose}")["caregivers"][0]["today"])

    added = office.type(f"caregiver add 0017 --name 李明 --phone 138-0000-1234 {whose}")
    assert added.exit_code == 0
    assert ("李明" in added.output, PHONE in added.output) == (False, False)
    assert today() == "caregiver_untrained"
    office.told(f"caregiver train 0017 --on 2026-09-01 {whose}")
    assert today() == "may_work"
    assert office.told(f"caregiver certify 0017 --last-day 2026-08-31 {whose}")["certificate_last_day"] == "2026-08-31"
    assert today() == "certificate_expired"
    office.told(f"caregiver dismiss 0017 --last-day 2026-09-01 {whose}")
    assert office.told(f"caregiver list {whose}")["caregivers"][0]["last_day"] == "2026-09-01"
    assert office.refused(f"caregiver train 0018 --on 2026-09-01 {whose}") is Reason.NOT_FOUND


def test_a_wrong_telephone_is_not_repeated(office: Office) -> None:
    told = office.type(f"caregiver add 0017 --name 李明 --phone 138000012345 --provider {CODE} --by office")
    assert (told.exit_code, "138000012345" in told.output, "不是一个电话号码" in told.output) == (2, False, True)


def test_a_lost_device(office: Office) -> None:
    whose = f"--provider {CODE} --by office"
    office.told(f"caregiver add 0017 --name 李明 {whose}")
    code = office.told(f"device enrol-code --caregiver 0017 {whose}")["code"]
    with acting(office.engine, "2026-09-01 10:00") as act:
        lost = devices.enrol(act, RING, code, "ed25519", "key", "thumb").id
    office.told(f"device revoke {lost} --reason 丢失 --by office")
    assert office.refused(f"device revoke {lost} --reason 丢失 --by office") is Reason.WRONG_STATE
    (listed,) = office.told(f"device list {whose}")["devices"]
    assert (listed["device_id"], listed["caregiver"], listed["reason"]) == (lost, "0017", "丢失")
    assert listed["revoked_at"] == "2026-09-01T09:00:00+08:00"
    assert lost in office.type(f"device list {whose}").stdout


def test_a_badge_and_a_staff_pin(office: Office, tmp_path: Path) -> None:
    """The badge's file holds what people read and a code; the PIN is typed twice and stands in no command."""
    whose = f"--provider {CODE} --by office"
    office.told(f"caregiver add 0017 --name 李<明> {whose}")
    out = tmp_path / "badge.svg"
    office.told(f"caregiver badge 0017 --out {out} {whose}")
    drawn = out.read_text()
    assert ElementTree.fromstring(drawn).get("width") == "86mm"
    assert all(shown in drawn for shown in ("李&lt;明&gt;", "0017", "康寿"))
    desk = Desk(url=str(office.engine.url), keys_file=office.keys_file, clock=lambda: at("2026-09-01 09:00"))

    def sets_pin(typed: str) -> Result:
        words = ["pin", "0017", "--provider", CODE, "--by", "office", "--json"]
        return CliRunner().invoke(caregiver, words, obj=desk, input=f"{typed}\n{typed}\n")

    told = sets_pin("274916")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"staff_no": "0017", "pin": "set"})
    assert "274916" not in told.output
    assert isinstance(sets_pin("111111").exception, Refused)
