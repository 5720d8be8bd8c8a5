"""Passwords of officers: what will do, how they are kept (Argon2id), who set them.

A password that somebody else set is a way in to set one's own, nothing more: no session opens with it, and unused it ends after a week.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Connection, Row, insert, select, update

from admin.frame import sessions
from admin.signin import tries
from admin.tables import passwords
from settlement.act import Act
from settlement.keys import KeyRing
from settlement.officers import officers
from settlement.outcomes import Reason, Refused

LEAST, MOST = 12, 200
"""Characters. The upper bound keeps a hash from being fed books."""
UNUSED = timedelta(days=7)
DIFFERENT = 6
"""So many different characters have to be left when well-known words and rows are taken out."""
KNOWN_WORDS = (
    *("password", "passw0rd", "p@ssw0rd", "p@ssword", "admin", "root", "login", "welcome", "letmein", "changeme"),
    *("iloveyou", "woaini", "woaizhongguo", "zhongguo", "wangyi", "5201314", "1314520", "monkey", "dragon", "test"),
    *("songbai", "yanglao", "minzheng", "jiangdu", "yangzhou", "secret", "master", "default", "user", "guest"),
)
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv", "!@#$%^&*()", "qazwsxedcrfv")
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Of passwords that are read out or written down: nothing that is taken for something else."""

_hasher = PasswordHasher()
_NOBODYS = _hasher.hash(secrets.token_urlsafe())
"""What a password is compared with when the name is nobody's: it takes as long."""


def require_strong(password: str, officer_id: str, name: str) -> str:
    """The password as it is kept and compared. Raises Refused(PASSWORD_WEAK)."""
    plain = normal(password)
    small = plain.casefold()
    if len(plain) < LEAST:
        raise _weak(f"至少{LEAST}个字符", f"at least {LEAST} characters")
    if len(plain) > MOST:
        raise _weak(f"最多{MOST}个字符", f"at most {MOST} characters")
    if any(_telling(word) and word.casefold() in small for word in (officer_id, name)):
        raise _weak("不能含有登录名或姓名", "not the sign-in name, nor one's own name")
    if len(_own(small, [part for part in officer_id.split(".") if part])) < DIFFERENT:
        raise _weak("太常见，容易被猜到", "too common, easily guessed")
    return plain


def _weak(zh: str, en: str) -> Refused:
    return Refused(Reason.PASSWORD_WEAK, detail=f"{zh} | {en}")


def _telling(word: str) -> bool:
    """Whether it is no accident that a password holds it: three letters may be anybody's."""
    return len(word) > (3 if word.isascii() else 1)


def _own(small: str, parts: Sequence[str]) -> set[str]:
    """The characters of it that are not a well-known word or a part of the sign-in name, not a piece of a keyboard's row, and do not just repeat or
    continue the one before."""
    for word in (*KNOWN_WORDS, *parts):
        small = small.replace(word, "\0")
    for row in ROWS:
        for start in range(len(row) - 3):
            small = small.replace(row[start : start + 4], "\0")
    before = "\0" + small
    return {c for c, last in zip(small, before, strict=False) if c != "\0" and abs(ord(c) - ord(last)) > 1}


def made_up(officer_id: str) -> str:
    """A random one, easily read out: 79 bits; never one that would be refused."""
    while True:
        password = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
        try:
            return require_strong(password, officer_id, "")
        except Refused:
            continue


def normal(password: str) -> str:
    """The same whether typed with a Chinese or a Western input method."""
    return unicodedata.normalize("NFKC", password)


def matches(kept: str | None, password: str) -> bool:
    """Whether it is the password. Without one to compare with the answer is no, after the same time."""
    try:
        _hasher.verify(kept or _NOBODYS, normal(password)[:MOST])
    except VerifyMismatchError:
        return False
    return kept is not None


def of(conn: Connection, officer_id: str) -> Row[Any] | None:
    """An active officer's row with password and authenticator, whose columns are NULL where nobody set them yet."""
    p, o = passwords.c, officers.c
    query = (
        select(o.id, o.name, o.role, o.town, o.village, o.provider_id)
        .add_columns(p.hash, p.set_at, p.must_change, p.totp_cipher, p.totp_last_step)
        .outerjoin(passwords, p.officer_id == o.id)
        .where(o.id == officer_id, o.active)
    )
    return conn.execute(query).one_or_none()


def set_own(act: Act, ring: KeyRing, officer_id: str, name: str, password: str) -> None:
    """One's own new password; the sessions that were open with the old one end. Raises Refused(PASSWORD_WEAK), also for the one there is."""
    plain = require_strong(password, officer_id, name)
    p = passwords.c
    before = act.conn.execute(select(p.hash).where(p.officer_id == officer_id)).scalar_one_or_none()
    if before is not None and matches(before, plain):
        raise _weak("不能与现在的密码相同", "not the present one again")
    _store(act, officer_id, {"hash": _hasher.hash(plain), "must_change": False})
    sessions.end_all(act, officer_id)
    tries.clear(act, ring, officer_id)
    act.audit("officer.password", f"officer:{officer_id}", after={"set_by": act.actor.id})


def set_for(act: Act, ring: KeyRing, officer_id: str, *, authenticator: bool = False) -> str:
    """A password for one sign-in, to be told to the officer in person; every session ends. ``authenticator``: the one they had is lost and counts
    no longer. The caller has checked who may. Raises Refused(NOT_FOUND) for who is not active."""
    if of(act.conn, officer_id) is None:
        raise Refused(Reason.NOT_FOUND, what="officer")
    password = made_up(officer_id)
    row: dict[str, Any] = {"hash": _hasher.hash(password), "must_change": True}
    if authenticator:
        row |= {"totp_cipher": None, "totp_set_at": None, "totp_last_step": None}
    _store(act, officer_id, row)
    sessions.end_all(act, officer_id)
    tries.clear(act, ring, officer_id)
    after = {"set_by": act.actor.id, "authenticator": "removed" if authenticator else "kept"}
    act.audit("officer.password_reset", f"officer:{officer_id}", after=after)
    return password


def _store(act: Act, officer_id: str, row: dict[str, Any]) -> None:
    row |= {"set_at": act.now, "set_by": act.actor.id}
    p = passwords.c
    if act.conn.execute(update(passwords).where(p.officer_id == officer_id).values(row)).rowcount == 0:
        act.conn.execute(insert(passwords), row | {"officer_id": officer_id})
