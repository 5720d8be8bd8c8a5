"""Reading single cells of a roster as people fill them in. Each reader answers the value or raises Wrong; nothing personal in the words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from settlement.people import identity
from settlement.people.faults import Problem, Wrong
from settlement.people.sheets import ErrorValue, Formula, Value
from settlement.policy.scheme import Scheme

EXACT_DIGITS = 15
"""Excel keeps so many digits of a number; the rest become zeros."""

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SPACES = dict.fromkeys(map(ord, "\u3000\u00a0\u2002\u2003\t\r\n"), " ") | dict.fromkeys(
    map(ord, "\u200b\u200c\ufeff"), ""
)
_NOTHING = frozenset({"", "-", "--", "—", "——", "/", "\\", "无", "暂无", "没有", "不详"})
_MEANT_AS_FORMULA = ("=", "+", "-", "@")


def tidy(value: Value) -> str:
    """A cell as text: full-width letters and digits made plain, odd spaces mended, what people write for "nothing" emptied.

    Raises Wrong for a formula, an error value, or text that a spreadsheet would run as a formula.
    """
    if isinstance(value, Formula):
        raise Wrong(
            Problem(
                "cell_formula",
                "是公式",
                "holds a formula",
                "请复制后“选择性粘贴—数值”",
                "Copy it and paste as values",
            )
        )
    if isinstance(value, ErrorValue):
        raise Wrong(
            Problem("cell_error", "是错误值", "holds an error value", "请填写实际内容", "Enter what belongs there")
        )
    if isinstance(value, datetime | date):
        return value.strftime("%Y-%m-%d")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str("" if value is None else value).translate(_FULL_WIDTH).translate(_SPACES).strip().lstrip("'").strip()
    if text in _NOTHING:
        return ""
    if text.startswith(_MEANT_AS_FORMULA) and not re.fullmatch(r"[+-]?[\d\s.-]+", text):
        raise Wrong(
            Problem(
                "cell_injection",
                "以 = + - @ 开头，会被表格软件当作公式执行",
                "begins with = + - or @, which spreadsheets run as a formula",
                "请删除开头的符号",
                "Delete the sign at the beginning",
            )
        )
    return re.sub(r" +", " ", text)


def text(longest: int) -> Callable[[Value], str]:
    """A reader of plain text that the register can hold."""

    def read(value: Value) -> str:
        found = tidy(value)
        if len(found) > longest:
            raise Wrong(
                Problem(
                    "text_too_long",
                    f"超过{longest}个字",
                    f"is longer than {longest} characters",
                    "请缩短",
                    "Shorten it",
                )
            )
        return found

    return read


def name(value: Value) -> str:
    """A person's name: Chinese characters (and ·) without spaces, or letters. Digits and other signs are slips."""
    text = re.sub(r"[•‧∙・.．]", "·", tidy(value))
    if re.search(r"[\u2e80-\U0003ffff]", text):
        text = text.replace(" ", "")
    if text and not re.fullmatch(r"[^\W\d_](?:[^\W\d_]|[·' -]){1,39}", text):
        raise Wrong(
            Problem(
                "name_form",
                "姓名应为2至40个字，不含数字和符号",
                "a name has 2 to 40 letters, no digits or signs",
                "请对照身份证更正",
                "Compare with the identity card",
            )
        )
    return text


def id_number(value: Value) -> str:
    """The number as text. One that Excel turned into a number has lost its last digits: nobody may guess them."""
    text = tidy(value).replace(" ", "").upper()
    lossy = isinstance(value, int | float) and not isinstance(value, bool) and len(text) > EXACT_DIGITS
    if lossy or re.fullmatch(r"\d(\.\d+)?E\+?\d+", text):
        raise Wrong(
            Problem(
                "id_as_number",
                "被 Excel 当作数字，末几位已丢失",
                "was turned into a number by Excel, which lost its last digits",
                "请先把该列设为文本格式，再重新输入号码",
                "Format the column as text, then enter the number again",
            )
        )
    return text


def day(today: date, *, future: bool = False) -> Callable[[Value], date | None]:
    """A reader of dates: date cells, 2026-03-05, 2026/3/5, 2026.3.5, 2026年3月5日, 20260305."""

    def read(value: Value) -> date | None:
        found = value.date() if isinstance(value, datetime) else value if isinstance(value, date) else None
        if found is None:
            text = tidy(value).replace(" ", "")
            if not text:
                return None
            found = _written(text.partition("T")[0] if "T" in text else text)
        if found is None:
            raise Wrong(
                Problem(
                    "date_form",
                    "不是完整的日期",
                    "is no full date",
                    "写法如 2026-03-05，须有年月日",
                    "Write year, month and day, such as 2026-03-05",
                )
            )
        if found > today and not future:
            raise Wrong(
                Problem(
                    "date_future",
                    f"{found}还没有到",
                    f"{found} has not come yet",
                    "请核对年份和月份",
                    "Check year and month",
                )
            )
        return found

    return read


def _written(text: str) -> date | None:
    match = re.fullmatch(r"(\d{4})([-/.年])(\d{1,2})([-/.月])(\d{1,2})日?(?:\d\d:\d\d(?::\d\d)?)?", text)
    parts = (match[1], match[3], match[5]) if match else None
    if parts is None and re.fullmatch(r"(19|20)\d{6}", text):
        parts = (text[:4], text[4:6], text[6:])
    try:
        return date(*map(int, parts)) if parts else None
    except ValueError:
        return None


def phone(value: Value) -> str | None:
    """A mobile number, or a land line with area code: 13800001234, 0514-86801234."""
    text = re.sub(r"[\s()-]", "", tidy(value)).removeprefix("+86")
    if len(text) == 13 and text.startswith("86"):
        text = text[2:]
    if not text:
        return None
    if not re.fullmatch(r"1[3-9]\d{9}|0(?:10|2\d|[3-9]\d{2})[2-8]\d{6,7}", text):
        raise Wrong(
            Problem(
                "phone_form",
                "不是一个电话号码",
                "is not one telephone number",
                "填一个11位手机号，或带区号的固定电话（0514-86801234）",
                "Enter one mobile number of 11 digits, or a land line with its area code",
            )
        )
    return text


_LEVELS = {
    0: ("能力完好", "完好", "自理", "完全自理"),
    1: ("轻度", "轻度失能", "能力轻度受损", "轻度受损"),
    2: ("中度", "中度失能", "能力中度受损", "中度受损"),
    3: ("重度", "重度失能", "能力重度受损", "重度受损"),
    4: ("完全失能", "完全", "能力完全丧失", "完全丧失"),
}
_LEVEL_OF = {word: level for level, words in _LEVELS.items() for word in words}


def level(value: Value) -> int | None:
    """An ability level of GB/T 42195-2022; None when not assessed. 失能 and 半失能 alone leave two levels open and are refused."""
    text = re.sub(r"[\s级]", "", tidy(value))
    if text in ("", "未评估", "未评"):
        return None
    if re.fullmatch(r"[0-4]", text):
        return int(text)
    if text not in _LEVEL_OF:
        raise Wrong(
            Problem(
                "level_unknown",
                "不是能力等级",
                "is no ability level",
                "填0至4，或：能力完好、轻度、中度、重度、完全失能；未评估留空",
                "Enter 0 to 4; leave empty when not assessed",
            )
        )
    return _LEVEL_OF[text]


def sex(value: Value) -> str | None:
    text = tidy(value).removesuffix("性").upper()
    if not text:
        return None
    known = {"男": "M", "M": "M", "女": "F", "F": "F"}
    if text not in known:
        raise Wrong(
            Problem("sex_unknown", "应为男或女", "must be 男 or 女", "请更正或留空", "Correct it or leave it empty")
        )
    return known[text]


def degrees(low: int, high: int, other: tuple[int, int]) -> Callable[[Value], int | None]:
    """A reader of WGS 84 degrees, as whole 1e-7 degrees; ``other``: the limits of the other axis, to notice a swap."""

    def read(value: Value) -> int | None:
        text = str(value) if isinstance(value, float) else tidy(value).removesuffix("°")
        if not text:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and low <= number <= high:
            return int((number * 10_000_000).to_integral_value())
        if number.is_finite() and other[0] <= number <= other[1]:
            raise Wrong(
                Problem(
                    "degrees_swapped",
                    "经度和纬度填反了",
                    "longitude and latitude are swapped",
                    "请对调两列",
                    "Exchange the two",
                )
            )
        raise Wrong(
            Problem(
                "degrees_form",
                f"不在{low}至{high}度之间",
                f"is not between {low} and {high} degrees",
                "填十进制度数，如 119.5678901；不知道就留空",
                "Decimal degrees such as 119.5678901; leave empty when unknown",
            )
        )

    return read


LONGITUDES = (73, 136)
LATITUDES = (3, 54)
"""China's limits in whole degrees."""


def category_codes(scheme: Scheme, words: dict[str, str], value: Value) -> tuple[str, ...]:
    """The scheme's categories in a cell, several separated by 、,;/ or a space. ``words``: see :func:`category_words`."""
    found: dict[str, None] = {}
    for word in filter(None, re.split(r"[、,，;；/／+\s]+", tidy(value))):
        code = words.get(word)
        if code is None:
            names = [category.name_zh for category in scheme.categories]
            raise Wrong(
                Problem(
                    "category_unknown",
                    "有方案中没有的类别",
                    "holds a category that the scheme does not have",
                    f"可填：{'、'.join(names)}；没有则留空",
                    f"Known: {'、'.join(names)}; leave empty for none",
                )
            )
        if code:
            found[code] = None
    return tuple(found)


def category_words(scheme: Scheme) -> dict[str, str]:
    """Every word for a category -> its code. 高龄 is no category, the date of birth says it: it maps to nothing."""
    words = {word: category.code for category in scheme.categories for word in (category.name_zh, *category.also)}
    return words | {"高龄": "", "高龄老人": ""}


def one_of(code: str, what_zh: str, what_en: str, known: Collection[str], value: Value) -> str:
    """A town or village by its name."""
    text = tidy(value).replace(" ", "")
    if text and text not in known:
        some = "、".join(sorted(known)[:12]) + ("……" if len(known) > 12 else "")
        raise Wrong(
            Problem(
                code,
                f"系统中没有这个{what_zh}",
                f"the district has no such {what_en}",
                f"请按系统中的名称填写：{some}",
                f"Write it as the system does: {some}",
            )
        )
    return text


def identity_of(text: str, today: date) -> identity.Identity:
    """Raises Wrong with the fault of the number and its mask."""
    found = identity.check(text, today)
    if isinstance(found, identity.IdentityFault):
        shown = identity.mask(text)
        raise Wrong(Problem(found.code, f"{shown} {found.zh}", f"{shown} {found.en}", found.mend_zh, found.mend_en))
    return found
