"""What a device needs for working a day without signal: orders with whom and where, and the rules of the door in words. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from settlement.cards import sealed_pin
from settlement.keys import KeyRing
from settlement.outcomes import Reason, Refused
from settlement.people import register
from settlement.people.tables import seniors
from settlement.periods import SHANGHAI, Month
from settlement.policy.scheme import Scheme
from settlement.policy.store import in_force
from settlement.policy.tariff import prices_in_force
from settlement.providers.tables import contracts, providers
from settlement.visits import words
from settlement.visits.signed_event import moment
from settlement.visits.tables import visits, work_orders

A_DAY = timedelta(days=1)

PRICE_FIELDS = (
    *("item_code", "name_zh", "name_en", "unit_zh", "price_fen", "min_minutes", "subsidised", "evidence_kind"),
    "together",
)

POLICE = {"zh": "110 报警", "en": "police", "phone": "110"}
HOTLINE = {"zh": "12345 政务热线", "en": "government hotline", "phone": "12345"}
"""The same everywhere in the country."""


def scheme_of(conn: Connection, provider_id: int, on: date) -> Scheme:
    """The scheme that a provider works under on a day; the first by code where it has contracts under several. Raises Refused(NO_CONTRACT)."""
    c = contracts.c
    running = select(c.scheme_code).where(c.provider_id == provider_id, c.from_day <= on, c.until_day > on)
    code = conn.execute(running.order_by(c.scheme_code).limit(1)).scalar_one_or_none()
    if code is None:
        raise Refused(Reason.NO_CONTRACT)
    return in_force(conn, code, Month.of(on))


def orders(conn: Connection, ring: KeyRing, provider_id: int, caregiver_id: int, day: date) -> list[dict[str, Any]]:
    """Planned orders of a local day with the senior's name, address and telephone: those of one caregiver and those that are nobody's yet. Whoever
    asks is to be written down."""
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    o, s = work_orders.c, seniors.c
    personal = ("name", "town", "village", "phone_cipher", "address_cipher", "latitude_e7", "longitude_e7")
    query = (
        select(work_orders, *(s[name] for name in personal), s.emergency_name, s.emergency_phone_cipher)
        .join(seniors, s.id == o.senior_id)
        .where(o.provider_id == provider_id, o.status == "planned")
        .where(o.planned_start >= start, o.planned_start < start + A_DAY)
        .where((o.caregiver_id == caregiver_id) | o.caregiver_id.is_(None))
        .order_by(o.planned_start, o.id)
    )
    return [_order(row, ring) for row in conn.execute(query)]


def _order(row: Any, ring: KeyRing) -> dict[str, Any]:
    def opened(cipher: str | None, context: str) -> str | None:
        return None if cipher is None else ring.decrypt(cipher, context)

    told = {"order_id": row.id, "planned_start": moment(row.planned_start.astimezone(SHANGHAI))}
    told |= {"planned_minutes": row.planned_minutes, "items": row.items, "origin": row.origin}
    told |= {"senior": row.name, "town": row.town, "village": row.village}
    told |= {"address": opened(row.address_cipher, register.ADDRESS), "phone": opened(row.phone_cipher, register.PHONE)}
    told |= {"latitude_e7": row.latitude_e7, "longitude_e7": row.longitude_e7, "emergency_name": row.emergency_name}
    return told | {"emergency_phone": opened(row.emergency_phone_cipher, register.EMERGENCY_PHONE)}


def begun_elsewhere(conn: Connection, device_id: str, caregiver_id: int, now: datetime) -> list[dict[str, Any]]:
    """Visits of a caregiver that another device began within a day and nobody checked out of: its battery is empty, it was lost, it broke."""
    v, o, s = visits.c, work_orders.c, seniors.c
    query = (
        select(v.id, v.order_id, v.check_in_at, s.name, o["items"])
        .join(seniors, s.id == v.senior_id)
        .outerjoin(work_orders, o.id == v.order_id)
        .where(v.caregiver_id == caregiver_id, v.status == "open", v.check_in_at > now - A_DAY)
        .where(v.device_id.is_distinct_from(device_id))
        .order_by(v.check_in_at, v.id)
    )
    return [
        {
            "visit_id": row.id,
            "order_id": row.order_id,
            "senior": row.name,
            "check_in_at": moment(row.check_in_at.astimezone(SHANGHAI)),
            "items": row.items or [],
        }
        for row in conn.execute(query)
    ]


def prices(conn: Connection, scheme: Scheme, provider_id: int, day: date) -> list[dict[str, Any]]:
    """The price list in force for a provider, by item code."""
    held = prices_in_force(conn, scheme.code, provider_id, day)
    return [{name: getattr(price, name) for name in PRICE_FIELDS} for price in held.values()]


def terms(conn: Connection, ring: KeyRing, scheme: Scheme, provider_id: int) -> dict[str, Any]:
    """What the scheme asks of a visit and accepts at the door, with the words of everything that people choose from."""
    door, event_word = scheme.door, {ours: word for word, ours in words.CONSENTS.items()}
    return {
        "minimum_minutes": scheme.visits.duration.minutes,
        "methods": [
            {"code": m.code, "zh": m.name_zh, "en": m.name_en, "accepted": m.use, "strength": m.strength}
            for m in door.methods
        ],
        "consents": [
            {"code": event_word[c.code], "zh": c.name_zh, "en": c.name_en, "up_to_fen": c.up_to_fen}
            for c in door.consents
        ],
        "offline": {
            "up_to_fen": door.offline.up_to_fen,
            "oldest_days": door.offline.oldest_days,
            "clock_off_minutes": door.offline.clock_off_minutes,
            "card_day_fen": door.offline.card_day_fen,
            "queued_debits": door.offline.queued_debits,
        },
        "reasons": {
            "out": _listed(words.OUT_REASONS),
            "take_back": _listed(words.TAKE_BACK_REASONS),
            "not_served": _listed(words.NOT_SERVED_REASONS),
            "void": _listed(words.VOID_REASONS),
        },
        "pin_key": sealed_pin.public_jwk(ring),
        "call": [*_office(conn, provider_id), POLICE, HOTLINE],
    }


def _office(conn: Connection, provider_id: int) -> list[dict[str, str]]:
    phone = conn.execute(select(providers.c.phone).where(providers.c.id == provider_id)).scalar_one()
    return [{"zh": "本单位服务站", "en": "our service office", "phone": phone}] if phone else []


def _listed(reasons: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"code": code, "zh": said.zh, "en": said.en} for code, said in reasons.items()]
