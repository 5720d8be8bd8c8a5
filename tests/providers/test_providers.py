"""Who may serve where, who may go to a door, and with which device."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select

from settlement.act import Actor
from settlement.outcomes import Reason, Refused
from settlement.policy import loader
from settlement.providers import caregivers, devices, register
from settlement.providers.rights import may_serve, work_refused
from settlement.providers.tables import caregivers as staff
from settlement.providers.tables import devices as device_rows
from settlement.providers.tables import enrolment_codes, providers
from tests.support import RING, acting, at, officer

SCHEME = loader.builtin("jiangdu")
DISTRICT = officer("district", "civil_affairs")
CREDIT_CODE = "91110000600037341L"
TOWN = "仙女镇"


def provider(engine: Engine, code: str = CREDIT_CODE) -> int:
    with acting(engine, by=DISTRICT) as act:
        return register.register(act, code=code, name="康寿居家养老", bank_name="江苏银行", bank_account="6217")


def reason(of: pytest.ExceptionInfo[Refused]) -> Reason:
    return of.value.reason


def test_a_provider_is_registered_once(engine: Engine):
    first = provider(engine)
    assert provider(engine, " 9111 0000 6000 37341l ") == first
    with acting(engine, by=DISTRICT) as act, pytest.raises(Refused) as other:
        register.register(act, code=CREDIT_CODE, name="别家", bank_name="江苏银行", bank_account="6217")
    assert reason(other) is Reason.ID_REUSED
    with pytest.raises(Refused) as wrong:
        provider(engine, "91110000600037341M")
    assert "校验位" in wrong.value.zh


def test_the_offices_telephone_is_its_own_staffs_to_set(engine: Engine):
    ours = provider(engine)
    mine = Actor("clerk", "provider", provider_id=ours)
    with acting(engine, by=mine) as act:
        register.set_phone(act, ours, "0514-86540000")
        with pytest.raises(Refused) as wrong:
            register.set_phone(act, ours, "call me")
    with acting(engine, by=Actor("other", "provider", provider_id=ours + 1)) as act, pytest.raises(Refused) as other:
        register.set_phone(act, ours, "110")
    assert (reason(wrong), reason(other)) == (Reason.BAD_INPUT, Reason.NOT_ALLOWED)
    with engine.connect() as conn:
        assert conn.execute(select(providers.c.phone)).scalar_one() == "0514-86540000"


def test_a_contract_gives_its_town_and_days(engine: Engine):
    ours = provider(engine)
    with acting(engine, by=DISTRICT) as act:
        id_ = register.contract(act, ours, "jiangdu", TOWN, date(2026, 7, 1), date(2027, 7, 1))
        with pytest.raises(Refused) as overlapping:
            register.contract(act, ours, "jiangdu", TOWN, date(2027, 6, 30), date(2028, 6, 30))
        assert reason(overlapping) is Reason.CONTRACT_OVERLAPS
        register.contract(act, ours, "jiangdu", TOWN, date(2027, 7, 1), date(2028, 7, 1))
        register.end_contract(act, id_, date(2026, 9, 30), "季度考核不合格")
    with engine.connect() as conn:
        assert may_serve(conn, ours, TOWN, "jiangdu", date(2026, 6, 30)) is Reason.NO_CONTRACT
        assert may_serve(conn, ours, TOWN, "jiangdu", date(2026, 7, 1)) is None
        assert may_serve(conn, ours, TOWN, "jiangdu", date(2026, 9, 30)) is None
        assert may_serve(conn, ours, TOWN, "jiangdu", date(2026, 10, 1)) is Reason.NO_CONTRACT
        assert may_serve(conn, ours, "大桥镇", "jiangdu", date(2026, 7, 1)) is Reason.NO_CONTRACT


def test_a_ban_lasts_three_years_and_goes_before_the_contract(engine: Engine):
    ours = provider(engine)
    ground = SCHEME.supervision.ban.grounds[0].code
    with acting(engine, by=DISTRICT) as act:
        register.contract(act, ours, "jiangdu", TOWN, date(2026, 7, 1), date(2030, 7, 1))
        assert register.ban(act, SCHEME, ours, ground, date(2026, 8, 10), "以物抵服务") == date(2029, 8, 10)
        with pytest.raises(Refused) as unknown:
            register.ban(act, SCHEME, ours, "too_expensive", date(2026, 8, 10), "x")
        assert ground in unknown.value.zh
        with pytest.raises(Refused) as banned:
            register.contract(act, ours, "jiangdu", "大桥镇", date(2027, 1, 1), date(2028, 1, 1))
        assert reason(banned) is Reason.PROVIDER_BANNED
    with engine.connect() as conn:
        days = (date(2026, 8, 9), date(2026, 8, 10), date(2029, 8, 9), date(2029, 8, 10))
        found = [may_serve(conn, ours, TOWN, "jiangdu", day) for day in days]
        assert found == [None, Reason.PROVIDER_BANNED, Reason.PROVIDER_BANNED, None]


def test_a_caregiver_works_trained_certified_and_employed(engine: Engine):
    ours = provider(engine)
    office = officer("office", "provider", provider_id=ours)
    with acting(engine, by=office) as act:
        id_ = caregivers.employ(act, RING, ours, "0001", "李明", from_day=date(2026, 7, 1), phone="13800001234")
        with pytest.raises(Refused) as again:
            caregivers.employ(act, RING, ours, "0001", "李明", from_day=date(2026, 7, 1))
        assert reason(again) is Reason.ID_REUSED
        of_theirs = select(staff).where(staff.c.id == id_)
        assert work_refused(act.conn.execute(of_theirs).one(), date(2026, 7, 1)) is Reason.CAREGIVER_UNTRAINED
        caregivers.train(act, id_, date(2026, 7, 3))
        caregivers.certify(act, id_, date(2026, 8, 1))
        caregivers.dismiss(act, id_, date(2026, 9, 30))
        days = ("2026-06-30", "2026-07-02", "2026-07-03", "2026-07-31", "2026-08-01", "2026-10-01")
        row = act.conn.execute(of_theirs).one()
        assert [work_refused(row, date.fromisoformat(day)) for day in days] == [
            Reason.CAREGIVER_NOT_EMPLOYED,
            Reason.CAREGIVER_UNTRAINED,
            None,
            None,
            Reason.CERTIFICATE_EXPIRED,
            Reason.CAREGIVER_NOT_EMPLOYED,
        ]
        assert "13800001234" not in str(act.conn.execute(select(staff)).all())
    with pytest.raises(Refused) as stranger, acting(engine, by=officer("o", "provider", provider_id=ours + 1)) as act:
        caregivers.train(act, id_, date(2026, 7, 3))
    assert reason(stranger) is Reason.NOT_ALLOWED


def test_a_device_is_enrolled_with_a_code_that_works_once(engine: Engine):
    ours = provider(engine)
    office = officer("office", "provider", provider_id=ours)
    with acting(engine, "2026-07-01 09:00", by=office) as act:
        code = devices.make_code(act, RING, ours, None, "phone", timedelta(hours=2))
        late = devices.make_code(act, RING, ours, None, "phone", timedelta(hours=2))
        assert code not in str(act.conn.execute(select(enrolment_codes)).all())
    with acting(engine, "2026-07-01 10:00") as act:
        heard = code.lower().replace("-", " ").replace("0", "O").replace("1", "l")  # as said over the telephone
        device = devices.enrol(act, RING, heard, "ed25519", "key", "thumb")
    with acting(engine, "2026-07-01 10:01") as act:
        assert (
            devices.enrol(act, RING, code, "ed25519", "key", "thumb").id == device.id
        )  # the answer was lost: the same again
    for used, key, now in ((code, "other", "10:02"), (late, "other", "11:00"), ("AAAA-BBBB-CCCC", "other", "10:00")):
        with pytest.raises(Refused) as invalid, acting(engine, f"2026-07-01 {now}") as act:
            devices.enrol(act, RING, used, "ed25519", key, key)
        assert reason(invalid) is Reason.ENROLMENT_CODE_INVALID
    with pytest.raises(Refused) as known, acting(engine, "2026-07-01 10:30") as act:
        devices.enrol(act, RING, late, "ed25519", "key", "thumb")
    assert reason(known) is Reason.KEY_ALREADY_ENROLLED

    for wordless in (" ", "丢" * 81):
        with pytest.raises(Refused) as unsaid, acting(engine, "2026-08-01 08:00", by=office) as act:
            devices.revoke(act, device.id, wordless)
        assert reason(unsaid) is Reason.BAD_INPUT
    with acting(engine, "2026-08-01 09:00", by=office) as act:
        devices.revoke(act, device.id, "lost")
    with pytest.raises(Refused) as twice, acting(engine, "2026-08-02 09:00", by=office) as act:
        devices.revoke(act, device.id, "lost")
    assert reason(twice) is Reason.WRONG_STATE
    with engine.connect() as conn:
        assert conn.scalar(select(device_rows.c.revoked_at)) == at("2026-08-01 09:00")
