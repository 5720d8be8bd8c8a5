"""Stored scheme versions: what a period was decided under stays readable for ever.

The canonical text is UTF-8 with plain line ends and one line end at the end; its SHA-256 is the version's hash, so that a copy saved on
another system is still the same scheme.
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, ScalarSelect, bindparam, func, insert, select

from settlement import officers
from settlement.act import Act
from settlement.outcomes import Reason, Refused
from settlement.periods import Month
from settlement.policy.loader import load
from settlement.policy.scheme import Scheme
from settlement.policy.tables import schemes


def canonical(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def hash_of(text: str) -> str:
    """SHA-256 of the canonical text, hexadecimal."""
    return sha256(canonical(text).encode()).hexdigest()


def store(act: Act, text: str, file: str = "scheme.toml") -> Scheme:
    """Keep a version of a scheme; storing the same text again changes nothing. ``file`` names the text in faults.

    Raises SchemeFaults for a faulty text; Refused(SCHEME_CHANGED) when the version is stored with other content;
    Refused(SCHEME_BACKDATED) when it would begin no later than a stored version, or, unless it is the first, in a month that has begun:
    an amendment never changes a past period.
    """
    officers.require(act, "scheme.store")
    text = canonical(text)
    scheme = load(text, file)
    stored = act.conn.execute(
        select(schemes.c.hash).where(schemes.c.code == scheme.code, schemes.c.version == scheme.version)
    ).scalar_one_or_none()
    if stored is not None:
        if stored != hash_of(text):
            raise Refused(Reason.SCHEME_CHANGED, code=scheme.code, version=scheme.version)
        return scheme
    latest = act.conn.execute(
        select(func.max(schemes.c.valid_from)).where(schemes.c.code == scheme.code)
    ).scalar_one_or_none()
    if latest is not None and scheme.valid_from <= max(Month.parse(latest), Month.of(act.now, scheme.time_zone)):
        raise Refused(Reason.SCHEME_BACKDATED, code=scheme.code, version=scheme.version, month=scheme.valid_from)
    row = {"code": scheme.code, "version": scheme.version, "hash": hash_of(text), "text": text}
    act.conn.execute(insert(schemes), row | {"valid_from": str(scheme.valid_from), "stored_at": act.now})
    after = {"hash": row["hash"], "valid_from": str(scheme.valid_from)}
    act.audit("scheme.store", f"scheme:{scheme.code}/{scheme.version}", after=after)
    return scheme


def text_of(conn: Connection, code: str, version: str) -> str:
    """The canonical text as it was stored. Raises Refused(NOT_FOUND)."""
    text = conn.execute(
        select(schemes.c.text).where(schemes.c.code == code, schemes.c.version == version)
    ).scalar_one_or_none()
    if text is None:
        raise Refused(Reason.NOT_FOUND, what=f"{code} {version}")
    return str(text)


def get(conn: Connection, code: str, version: str) -> Scheme:
    """The scheme as it was stored. Raises Refused(NOT_FOUND)."""
    digest = conn.execute(_HASH_OF, {"code": code, "version": version}).scalar_one_or_none()
    return _schemes[digest] if digest in _schemes else _remembered(text_of(conn, code, version))


def in_force(conn: Connection, code: str, month: Month) -> Scheme:
    """The version that a month is decided under: the newest that began by then. Raises Refused(NO_SCHEME_IN_FORCE)."""
    row = conn.execute(_NEWEST, {"code": code, "month": str(month)}).one_or_none()
    if row is None:
        raise Refused(Reason.NO_SCHEME_IN_FORCE, code=code, month=month)
    return _schemes[row.hash] if row.hash in _schemes else _remembered(text_of(conn, code, row.version))


def hash_in_force(code: ColumnElement[str], month: ColumnElement[str]) -> ScalarSelect[str]:
    """The hash of the version that a month is decided under, as part of another query; empty where none is in force."""
    s = schemes.c
    newest = select(s.hash).where(s.code == code, s.valid_from <= month).order_by(s.valid_from.desc()).limit(1)
    return newest.correlate_except(schemes).scalar_subquery()


def by_hash(conn: Connection, digest: str | None, code: str, month: Month) -> Scheme:
    """As :func:`in_force`, when :func:`hash_in_force` was read already."""
    return _schemes.get(digest or "") or in_force(conn, code, month)


_HASH_OF = select(schemes.c.hash).where(schemes.c.code == bindparam("code"), schemes.c.version == bindparam("version"))
_NEWEST = (
    select(schemes.c.version, schemes.c.hash)
    .where(schemes.c.code == bindparam("code"), schemes.c.valid_from <= bindparam("month"))
    .order_by(schemes.c.valid_from.desc())
    .limit(1)
)

_schemes: dict[str, Scheme] = {}
"""Schemes read before, by the hash of their text: reading one takes some milliseconds and a stored text never changes."""


def _remembered(text: str) -> Scheme:
    return _schemes.setdefault(hash_of(text), load(text))
