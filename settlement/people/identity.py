"""The 18-digit identity number (GB 11643): what is wrong with one, what it says, how it may be shown.

Built on python-stdnum, but not on its ``validate``: that asks whether the division existed in the year of *birth*, whereas numbers were
first given out in 1984, under the divisions of the day. Every senior would fail. Here the division must be on the list at all, and must
not have ended before the birth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from stdnum import numdb
from stdnum.cn import ric
from stdnum.exceptions import InvalidComponent

LENGTH = 18
OLD_LENGTH = 15
"""Numbers given out before October 1999; no longer valid since 2013."""
OLDEST = 130
"""Nobody on a roster is older, in years; a higher age is a slip of the pen."""


@dataclass(frozen=True)
class IdentityFault:
    """``code`` is stable; ``mend`` says what the clerk can do. The words never hold the number."""

    code: str
    zh: str
    en: str
    mend_zh: str
    mend_en: str


_CARD_ZH, _CARD_EN = "请对照身份证原件更正", "Compare with the card itself and correct it"

TOO_OLD_FORM = IdentityFault(
    "id_old_form",
    "是15位旧号码，已停用",
    "is an old number of 15 digits, no longer valid",
    "请填写18位号码，勿自行推算",
    "Enter the number of 18 digits from the present card",
)
LENGTH_WRONG = IdentityFault("id_length", "应为18位", "must have 18 characters", _CARD_ZH, _CARD_EN)
CHARACTERS = IdentityFault(
    "id_characters",
    "只能是数字，末位可为X",
    "may hold digits only, and X at the end",
    _CARD_ZH,
    _CARD_EN,
)
REGION = IdentityFault(
    "id_region",
    "前6位不是行政区划代码",
    "the first 6 digits are no administrative division",
    _CARD_ZH,
    _CARD_EN,
)
BIRTH_DATE = IdentityFault(
    "id_birth_date",
    "第7至14位不是有效的出生日期",
    "digits 7 to 14 are no date of birth",
    _CARD_ZH,
    _CARD_EN,
)
BIRTH_FUTURE = IdentityFault(
    "id_birth_future",
    "出生日期晚于今天",
    "the date of birth has not come yet",
    _CARD_ZH,
    _CARD_EN,
)
BIRTH_TOO_EARLY = IdentityFault(
    "id_birth_too_early",
    f"出生日期早于{OLDEST}年前",
    f"the date of birth lies more than {OLDEST} years back",
    _CARD_ZH,
    _CARD_EN,
)
CHECKSUM = IdentityFault(
    "id_checksum",
    "校验位不符，号码中有误",
    "the check digit does not fit; a digit is wrong",
    _CARD_ZH,
    _CARD_EN,
)


@dataclass(frozen=True)
class Identity:
    """A number that passed :func:`check`, without showing it: ``repr`` gives the mask."""

    number: str
    birth_date: date
    sex: str
    """F or M, by the 17th digit."""

    def __repr__(self) -> str:
        return f"Identity({mask(self.number)})"

    @property
    def last4(self) -> str:
        return self.number[-4:]


def check(text: str, today: date) -> Identity | IdentityFault:
    """Read a number, in the order a clerk would look: length, characters, division, date, check digit.

    The check digit comes last, because the other faults say more precisely what to look at.
    """
    number = ric.compact(text).replace(" ", "")
    if len(number) == OLD_LENGTH and number.isascii() and number.isdigit():
        return TOO_OLD_FORM
    if len(number) != LENGTH:
        return LENGTH_WRONG
    if not (number.isascii() and number[:-1].isdigit() and (number[-1].isdigit() or number[-1] == "X")):
        return CHARACTERS
    try:
        birth = ric.get_birth_date(number)
    except InvalidComponent:
        birth = None
    if not region_exists(number[:6], birth.year if birth else None):
        return REGION
    if birth is None:
        return BIRTH_DATE
    if birth > today:
        return BIRTH_FUTURE
    if birth.year < today.year - OLDEST:
        return BIRTH_TOO_EARLY
    if number[-1] != ric.calc_check_digit(number):
        return CHECKSUM
    return Identity(number, birth, "M" if int(number[16]) % 2 else "F")


@lru_cache(maxsize=8192)
def region_exists(code: str, born: int | None) -> bool:
    """Whether a county of this code was ever on the list and did not end before the year of birth."""
    listed = [properties["county"] for _, properties in numdb.get("cn/loc").info(code) if "county" in properties]
    return any(_lasted(entry, born) for counties in listed for entry in counties.split(","))


def _lasted(entry: str, born: int | None) -> bool:
    """``[1994-2011]江都市``, ``[2011-]江都区`` or a name alone, which has no limits."""
    if not entry.startswith("[") or born is None:
        return True
    end = entry[1:].partition("]")[0].partition("-")[2]
    return not end or born <= int(end)


def mask(number: str) -> str:
    """``3210**********123X``: the first four and last four characters; of anything shorter than 18 only its length shows."""
    if len(number) < LENGTH:
        return "*" * len(number)
    return f"{number[:4]}{'*' * (len(number) - 8)}{number[-4:]}"


def mask_phone(phone: str) -> str:
    """``138****5678``; of a number too short for that only its length shows."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "*" * len(phone)
