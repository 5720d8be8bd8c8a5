"""The ability assessment of GB/T 42195-2022 as data: 26 items, 90 points, the levels, and what makes a level worse.

The words of items and points are ours, short enough for a form; the assessor works with the standard itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from settlement.outcomes import Reason, Refused


@dataclass(frozen=True)
class Item:
    """``points``: words for each number of points, the most first; the last is 0."""

    code: str
    zh: str
    en: str
    points: tuple[str, ...]

    @property
    def most(self) -> int:
        return len(self.points) - 1


@dataclass(frozen=True)
class Part:
    zh: str
    en: str
    items: tuple[Item, ...]


_HELP = ("独立完成", "需提示或看护", "少量帮助", "大量帮助", "完全依赖")

PARTS: tuple[Part, ...] = (
    Part("自理能力", "self-care", (
        Item("eating", "进食", "eating", ("自己吃，不呛", "需提示或用辅具", "少量帮助，偶有呛咳", "大量帮助，常呛咳", "全靠喂或管饲")),
        Item("grooming", "修饰", "grooming", _HELP),
        Item("bathing", "洗澡", "bathing", _HELP),
        Item("upper_dressing", "穿脱上衣", "dressing above", _HELP),
        Item("lower_dressing", "穿脱裤子和鞋袜", "dressing below", _HELP),
        Item("bladder", "小便控制", "bladder", ("自控", "夜间偶尔不便", "偶有失禁", "多数失禁", "完全失禁或留置导尿")),
        Item("bowel", "大便控制", "bowel", ("自控", "每周不到一次失控", "每周一次以上", "几乎每天", "完全失控")),
        Item("toilet", "如厕", "using the toilet", _HELP),
    )),
    Part("基础运动能力", "basic movement", (
        Item("bed", "床上翻身坐起", "moving in bed", _HELP),
        Item("transfer", "床椅转移", "bed to chair", _HELP),
        Item("walking", "平地行走", "walking", ("独立走50米", "需看护或拐杖", "少量搀扶", "大量搀扶", "不能行走")),
        Item("stairs", "上下楼梯", "stairs", ("独立", "需提示或看护", "需要帮助", "主要或完全靠人")),
    )),
    Part("精神状态", "state of mind", (
        Item("time", "时间定向", "knows the time", ("知道年月日", "日期说不全", "只知季节", "只知昼夜", "没有时间观念")),
        Item("place", "空间定向", "knows the place", ("能单独外出", "知道住址但不能单独外出", "知道较多信息", "知道很少", "没有空间观念")),
        Item("people", "人物定向", "knows people", ("都认识", "大多认识", "认识一部分", "只认识极少数", "谁也不认识")),
        Item("memory", "记忆", "memory", ("正常", "轻度紊乱", "中度紊乱", "重度紊乱", "完全紊乱")),
        Item("understanding", "理解", "understanding", ("正常", "需要更多时间", "需反复解释", "很少能懂", "完全不懂")),
        Item("expression", "表达", "expression", ("正常", "需要更多时间", "需反复说或简化", "很少能说清", "完全不能")),
        Item("aggression", "攻击行为", "aggression", ("近一月没有", "近一月有过")),
        Item("depression", "抑郁症状", "depression", ("近一月没有", "近一月有过")),
        Item("consciousness", "意识水平", "consciousness", ("清醒", "嗜睡或模糊", "昏睡或昏迷")),
    )),
    Part("感知觉与社会参与", "senses and taking part", (
        Item("sight", "视力", "sight", ("正常", "看不清标准字", "只见光影或失明")),
        Item("hearing", "听力", "hearing", ("正常", "需大声或安静处", "大声也难听清或失聪")),
        Item("daily_affairs", "日常事务", "daily affairs", _HELP),
        Item("transport", "乘车外出", "going out", ("能骑车或乘公交", "只能自己打车", "有人陪能乘公交", "只能由人接送或不能外出")),
        Item("company", "社会交往", "company", ("适应好", "只适应熟悉环境", "被动接触", "勉强接触", "不能接触")),
    )),
)  # fmt: skip
ITEMS: Mapping[str, Item] = {item.code: item for part in PARTS for item in part.items}
TOTAL = 90

CUT_OFFS: tuple[tuple[int, int], ...] = ((90, 0), (66, 1), (46, 2), (30, 3), (0, 4))
"""(from so many points, level), the best first."""
WORST = 4
LEVELS: Mapping[int, tuple[str, str]] = {
    0: ("能力完好", "able"),
    1: ("轻度失能", "mild"),
    2: ("中度失能", "moderate"),
    3: ("重度失能", "severe"),
    4: ("完全失能", "complete"),
}


@dataclass(frozen=True)
class Worse:
    """Something that makes the level worse by ``levels``; None: at once the worst."""

    code: str
    zh: str
    en: str
    levels: int | None


WORSE: tuple[Worse, ...] = (
    Worse("disorder", "确诊痴呆或其他所列精神障碍", "diagnosed dementia or another listed mental disorder", 1),
    Worse("events", "近30天照护风险事件2次及以上", "two or more care-risk events in 30 days", 1),
    Worse("coma", "昏迷", "in a coma", None),
)
MOST_WORSE = 1
"""So many levels at most, however many of them hold; a coma apart."""


@dataclass(frozen=True)
class Judged:
    """``base``: by the points alone."""

    total: int
    base: int
    level: int


def judge(points: Mapping[str, int], worse: Iterable[str] = ()) -> Judged:
    """The level of a filled-in sheet. Raises Refused(BAD_INPUT) for an item that is missing, unknown or out of range."""
    known = {each.code: each for each in WORSE}
    held = set(worse)
    wrong = [item.zh for code, item in ITEMS.items() if not 0 <= points.get(code, -1) <= item.most]
    if wrong or set(points) - set(ITEMS) or held - set(known):
        raise Refused(Reason.BAD_INPUT, detail="、".join(wrong) or "评估表 | sheet")
    total = sum(points.values())
    base = next(level for least, level in CUT_OFFS if total >= least)
    steps = [known[code].levels for code in held]
    if None in steps:
        return Judged(total, base, WORST)
    return Judged(total, base, min(base + min(sum(step or 0 for step in steps), MOST_WORSE), WORST))
