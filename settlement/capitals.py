"""Amounts in the capital figures of Chinese documents (大写), which nobody changes with a stroke of the pen."""

from __future__ import annotations

DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
GROUPS = ("", "万", "亿", "万亿")
"""Four digits each, from the right."""
LARGEST = 10**16 * 100 - 1
"""Fen."""


def capitals(fen: int) -> str:
    """An amount in words; what ends with yuan or jiao ends with 整. Raises ValueError above :data:`LARGEST`.

    >>> capitals(140950), capitals(1640902), capitals(-10000700), capitals(0)
    ('壹仟肆佰零玖元伍角整', '壹万陆仟肆佰零玖元零贰分', '负壹拾万零柒元整', '零元整')
    """
    if abs(fen) > LARGEST:
        raise ValueError(f"no words for {fen} fen")
    yuan, rest = divmod(abs(fen), 100)
    jiao, cents = divmod(rest, 10)
    said = f"{_whole(yuan)}元" if yuan or not rest else ""
    if jiao:
        said += f"{DIGITS[jiao]}角"
    elif cents and yuan:
        said += DIGITS[0]
    said += f"{DIGITS[cents]}分" if cents else "整"
    return ("负" if fen < 0 else "") + said


def _whole(number: int) -> str:
    """One 零 for any run of noughts between digits; none at the end, none where a group is full."""
    if number == 0:
        return DIGITS[0]
    said, gap = "", False
    for index in range(len(GROUPS) - 1, -1, -1):
        group = number // 10 ** (4 * index) % 10_000
        if group == 0:
            gap = bool(said)
            continue
        if said and (gap or group < 1000):
            said += DIGITS[0]
        said += _group(group) + GROUPS[index]
        gap = False
    return said


def _group(group: int) -> str:
    said, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit == 0:
            gap = bool(said)
            continue
        said += (DIGITS[0] if gap else "") + DIGITS[digit] + PLACES[place]
        gap = False
    return said
