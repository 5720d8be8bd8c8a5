"""The register of providers: who they are, where they hold a contract, who is shut out."""

from __future__ import annotations

import re
from datetime import date, timedelta

from sqlalchemy import insert, select, update
from stdnum.cn import uscc
from stdnum.exceptions import InvalidChecksum, InvalidLength, ValidationError

from settlement.act import Act
from settlement.officers import require
from settlement.outcomes import Reason, Refused
from settlement.policy.eligibility import months_after
from settlement.policy.scheme import Scheme
from settlement.providers.tables import bans, contracts, providers

MONTHS_PER_YEAR = 12


def register(act: Act, *, code: str, name: str, bank_name: str, bank_account: str) -> int:
    """Enter a provider by its unified social credit code (18 characters); again with the same content answers the same id.

    Raises Refused(BAD_INPUT) for a code or account that cannot be one, Refused(ID_REUSED) when it is registered with other content.
    """
    require(act, "provider.manage")
    require_account(bank_account)
    row = {"code": _credit_code(code), "name": name, "bank_name": bank_name, "bank_account": bank_account}
    found = act.conn.execute(select(providers).where(providers.c.code == row["code"])).one_or_none()
    if found is not None:
        if any(getattr(found, key) != value for key, value in row.items()):
            raise Refused(Reason.ID_REUSED)
        return int(found.id)
    id_ = act.conn.execute(insert(providers).returning(providers.c.id), row | {"created_at": act.now}).scalar_one()
    act.audit("provider.register", f"provider:{id_}", after={"code": row["code"]})
    return int(id_)


def set_phone(act: Act, provider_id: int, phone: str) -> None:
    """The telephone of a provider's service office, which its caregivers see. Raises Refused: NOT_ALLOWED, NOT_FOUND, BAD_INPUT for what cannot be
    dialled."""
    require(act, "caregiver.manage", provider_id=provider_id)
    if not re.fullmatch(r"\+?[0-9][0-9 -]{1,18}", phone):
        raise Refused(Reason.BAD_INPUT, detail="电话只能是数字 | a telephone number is digits")
    this = providers.c.id == provider_id
    before = act.conn.execute(select(providers.c.phone).where(this)).one_or_none()
    if before is None:
        raise Refused(Reason.NOT_FOUND, what=f"provider {provider_id}")
    act.conn.execute(update(providers).where(this).values(phone=phone))
    act.audit("provider.set_phone", f"provider:{provider_id}", before={"phone": before.phone}, after={"phone": phone})


def require_account(number: str) -> None:
    """Raise Refused(BAD_INPUT) for what no bank has as an account number, such as one cut off with “…” when it was copied."""
    if not re.fullmatch(r"[0-9][0-9 -]*", number):
        raise Refused(Reason.BAD_INPUT, detail="账号只能是数字 | an account number is digits")


def _credit_code(text: str) -> str:
    try:
        return uscc.validate(text)
    except InvalidLength:
        detail = "统一社会信用代码应为18位 | a unified social credit code has 18 characters"
    except InvalidChecksum:
        detail = "统一社会信用代码的校验位不符 | the check character of the credit code is wrong"
    except ValidationError:
        detail = "统一社会信用代码含有不允许的字符 | the credit code has a character it may not have"
    raise Refused(Reason.BAD_INPUT, detail=detail)


def contract(act: Act, provider_id: int, scheme_code: str, town: str, from_day: date, until_day: date) -> int:
    """Enter a contract for one town; ``until_day`` is the first day after it.

    Raises Refused(CONTRACT_OVERLAPS) when the provider already has one there on any of its days, Refused(PROVIDER_BANNED) when it
    would begin under a ban.
    """
    require(act, "provider.manage")
    if from_day >= until_day:
        raise Refused(Reason.BAD_INPUT, detail=f"{from_day} – {until_day}")
    if act.conn.scalar(select(providers.c.id).where(providers.c.id == provider_id)) is None:
        raise Refused(Reason.NOT_FOUND, what=f"provider {provider_id}")
    banned_until = act.conn.scalar(
        select(bans.c.until_day).where(
            bans.c.provider_id == provider_id, bans.c.from_day <= from_day, bans.c.until_day > from_day
        )
    )
    if banned_until is not None:
        raise Refused(Reason.PROVIDER_BANNED, until=banned_until)
    same = (
        contracts.c.provider_id == provider_id,
        contracts.c.scheme_code == scheme_code,
        contracts.c.town == town,
    )
    known = act.conn.execute(
        select(contracts).where(*same, contracts.c.from_day < until_day, contracts.c.until_day > from_day)
    ).first()
    if known is not None:
        raise Refused(Reason.CONTRACT_OVERLAPS, known=f"{known.from_day} – {known.until_day - timedelta(days=1)}")
    row = {"provider_id": provider_id, "scheme_code": scheme_code, "town": town}
    row |= {"from_day": from_day, "until_day": until_day}
    id_ = act.conn.execute(insert(contracts).returning(contracts.c.id), row).scalar_one()
    act.audit("provider.contract", f"provider:{provider_id}", after={"contract": id_, **row})
    return int(id_)


def end_contract(act: Act, contract_id: int, last_day: date, why: str) -> None:
    """End a contract early; raises Refused(BAD_INPUT) for a day outside it."""
    require(act, "provider.manage")
    row = act.conn.execute(select(contracts).where(contracts.c.id == contract_id)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, what=f"contract {contract_id}")
    until = last_day + timedelta(days=1)
    if not row.from_day < until <= row.until_day:
        raise Refused(Reason.BAD_INPUT, detail=f"{last_day}: {row.from_day} – {row.until_day - timedelta(days=1)}")
    act.conn.execute(update(contracts).where(contracts.c.id == contract_id).values(until_day=until))
    act.audit(
        "provider.end_contract",
        f"provider:{row.provider_id}",
        before={"contract": contract_id, "until_day": row.until_day},
        after={"contract": contract_id, "until_day": until},
        why=why,
    )


def ban(act: Act, scheme: Scheme, provider_id: int, ground: str, from_day: date, reason: str) -> date:
    """Shut a provider out on one of the scheme's grounds; answers the first day it may return.

    Its contracts stay on record: :func:`rights.may_serve` refuses it meanwhile. Raises Refused(BAD_INPUT) for a ground the scheme does
    not name.
    """
    require(act, "provider.ban")
    rule = scheme.supervision.ban
    known = [entry.code for entry in rule.grounds]
    if ground not in known:
        raise Refused(Reason.BAD_INPUT, detail=f"{ground}: {', '.join(known)}")
    if act.conn.scalar(select(providers.c.id).where(providers.c.id == provider_id)) is None:
        raise Refused(Reason.NOT_FOUND, what=f"provider {provider_id}")
    until = months_after(from_day, rule.years * MONTHS_PER_YEAR)
    row = {"provider_id": provider_id, "ground": ground, "from_day": from_day, "until_day": until}
    act.conn.execute(insert(bans), row | {"decided_by": act.actor.id, "reason": reason})
    act.audit("provider.ban", f"provider:{provider_id}", after=row, why=reason)
    return until
