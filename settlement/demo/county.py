"""A synthetic county that looks real: Jiangdu's thirteen towns, made-up villages, people, providers and staff.

Nobody in it exists. Names are drawn from common surnames and given names; identity numbers carry Jiangdu's region code and a right
checksum but sequence numbers drawn at random; telephone numbers use a range that is not assigned (199 0000 xxxx). One seed, one county.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

REGION = "321026"  # Jiangdu county, as it was when identity numbers were first given out (1984)
CENTRE = (32.4348, 119.5701)  # degrees, WGS 84
DAY_ONE = date(2026, 6, 1)  # the roster is handed in

# The thirteen towns with a rough bearing (degrees from north) and distance (km) from the district's seat, and a share of the population.
TOWNS: tuple[tuple[str, int, float, int], ...] = (
    ("仙女镇", 0, 1.0, 24),
    ("小纪镇", 45, 27.0, 8),
    ("武坚镇", 25, 33.0, 5),
    ("樊川镇", 10, 28.0, 7),
    ("真武镇", 350, 20.0, 6),
    ("宜陵镇", 75, 13.0, 6),
    ("丁沟镇", 40, 17.0, 6),
    ("郭村镇", 65, 24.0, 6),
    ("邵伯镇", 335, 12.0, 8),
    ("丁伙镇", 20, 9.0, 6),
    ("大桥镇", 140, 15.0, 9),
    ("吴桥镇", 110, 16.0, 4),
    ("浦头镇", 125, 20.0, 5),
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


VILLAGE_HEADS = tuple("新东西南北双三长永和金龙荷柳桃花石清安兴")
VILLAGE_TAILS = _words("桥村 庄村 河村 塘村 湖社区 园社区 联村 华村 港村 桂村 墩村 林社区")
SURNAMES = tuple(
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万"
)
MEN = _words(
    "国强 建国 志明 永福 长根 德才 金山 宝林 文华 学文 正荣 玉林 广生 兆祥 福海 守义 "
    "家旺 春生 传宝 立群 大明 加友 有才 松年 柏林 增福 开元 如松 怀远 士俊"
)
WOMEN = _words(
    "秀英 桂兰 玉珍 凤英 素芳 月娥 巧云 兰英 秀兰 美华 翠兰 腊梅 桂芳 金凤 春兰 彩霞 "
    "玉梅 淑珍 惠芳 爱华 来娣 扣女 粉兰 荷花 菊英 银凤 宝珍 红英 志芳 慧"
)
PROVIDERS: tuple[tuple[str, str], ...] = (
    ("松龄居家养老中心(示例)", "中国农业银行江都支行"),
    ("康悦养老公司(示例)", "中国工商银行江都支行"),
    ("乐邻助老社(示例)", "江苏江都农村商业银行"),
    ("颐安照护公司(示例)", "中国建设银行江都支行"),
    ("百福家政公司(示例)", "江苏江都农村商业银行"),
    ("夕阳红为老中心(示例)", "中国银行江都支行"),
)
# category code, its Chinese name in a roster, weight among the needy
CATEGORIES: tuple[tuple[str, int], ...] = (
    ("散居特困", 10),
    ("低保", 34),
    ("失独", 7),
    ("重点优抚", 12),
    ("特殊贡献", 3),
    ("孤寡", 8),
    ("空巢独居", 26),
)
LEVEL_WEIGHTS_NEEDY = (52, 17, 13, 12, 6)  # GB/T 42195 levels 0 to 4
LEVEL_WEIGHTS_AGED = (66, 18, 10, 4, 2)


@dataclass(frozen=True)
class Village:
    town: str
    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Person:
    """One line of the roster. ``categories`` in the words an office writes; ``level`` 0 to 4."""

    name: str
    id_no: str
    birth: date
    village: Village
    categories: tuple[str, ...]
    level: int
    phone: str
    address: str
    latitude: float
    longitude: float
    agent: str | None
    applies: bool
    """False: not entitled yet (turns eighty within the quarter); registered, and asked again at the next half-yearly intake."""


@dataclass(frozen=True)
class County:
    villages: tuple[Village, ...]
    people: tuple[Person, ...]

    @property
    def towns(self) -> list[str]:
        return [town for town, *_ in TOWNS]


def build(seniors: int, seed: int) -> County:
    """The county with so many seniors; the same seed gives the same county."""
    rng = random.Random(f"county/{seed}")  # noqa: S311 - one seed, one county
    villages = tuple(_villages(rng))
    return County(villages, tuple(_people(rng, villages, seniors)))


def _villages(rng: random.Random) -> Iterator[Village]:
    for town, bearing, kilometres, share in TOWNS:
        latitude, longitude = _away(CENTRE, bearing, kilometres)
        names: set[str] = set()
        while len(names) < max(3, share // 2):
            names.add(rng.choice(VILLAGE_HEADS) + rng.choice(VILLAGE_TAILS))
        for name in sorted(names):
            place = _away((latitude, longitude), rng.uniform(0, 360), rng.uniform(0.3, 3.5))
            yield Village(town, name, *place)


def _away(start: tuple[float, float], bearing: float, kilometres: float) -> tuple[float, float]:
    north = kilometres * math.cos(math.radians(bearing)) / 111.32
    east = kilometres * math.sin(math.radians(bearing)) / (111.32 * math.cos(math.radians(start[0])))
    return start[0] + north, start[1] + east


def _people(rng: random.Random, villages: tuple[Village, ...], seniors: int) -> Iterator[Person]:
    shares = {town: share for town, _, _, share in TOWNS}
    weights = [shares[v.town] / sum(w.town == v.town for w in villages) for v in villages]
    seen: set[str] = set()
    for number in range(seniors):
        nearly_eighty = rng.random() < 0.01
        needy = not nearly_eighty and rng.random() < 0.55
        birth = _birthday(rng, rng.randrange(60, 93) if needy else rng.randrange(80, 100))
        if nearly_eighty:
            birth = date(DAY_ONE.year - 80, rng.choice((7, 8, 9)), rng.randint(1, 28))
        woman = rng.random() < 0.56
        id_no = _identity_number(rng, birth, woman)
        while id_no in seen:
            id_no = _identity_number(rng, birth, woman)
        seen.add(id_no)
        village = rng.choices(villages, weights)[0]
        latitude, longitude = _away((village.latitude, village.longitude), rng.uniform(0, 360), rng.uniform(0.02, 0.9))
        surname = rng.choice(SURNAMES)
        yield Person(
            name=surname + rng.choice(WOMEN if woman else MEN),
            id_no=id_no,
            birth=birth,
            village=village,
            categories=_categories(rng) if needy else (),
            level=rng.choices(range(5), LEVEL_WEIGHTS_NEEDY if needy else LEVEL_WEIGHTS_AGED)[0],
            phone=f"1990000{number % 10_000:04d}",
            address=f"{village.name}{rng.randint(1, 18)}组{rng.randint(1, 120)}号",
            latitude=latitude,
            longitude=longitude,
            agent=surname + rng.choice(MEN) if rng.random() < 0.3 else None,
            applies=not nearly_eighty,
        )


def _birthday(rng: random.Random, age: int) -> date:
    """A birthday that makes the person ``age`` on the first day."""
    start = date(DAY_ONE.year - age - 1, DAY_ONE.month, 1) + timedelta(days=1)
    return start + timedelta(days=rng.randrange(364))


def _categories(rng: random.Random) -> tuple[str, ...]:
    names, weights = [name for name, _ in CATEGORIES], [weight for _, weight in CATEGORIES]
    first = rng.choices(names, weights)[0]
    second = rng.choices(names, weights)[0] if rng.random() < 0.12 else first
    return (first,) if second == first else (first, second)


def _identity_number(rng: random.Random, birth: date, woman: bool) -> str:
    sequence = rng.randrange(1, 499) * 2 + (0 if woman else 1)
    body = f"{REGION}{birth:%Y%m%d}{sequence:03d}"
    total = sum(
        int(digit) * weight
        for digit, weight in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    return body + "10X98765432"[total % 11]


def credit_code(number: int) -> str:
    """A made-up unified social credit code with a right check character (GB 32100-2015)."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = f"52321012MJ0000{number:03d}"
    total = sum(alphabet.index(char) * pow(3, index, 31) for index, char in enumerate(body))
    return body + alphabet[(31 - total % 31) % 31]
