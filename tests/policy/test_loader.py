"""A scheme file with faults: all of them at once, each where it stands, in words that help."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from settlement.policy.loader import SchemeFaults, builtin_codes, builtin_text, load, load_bytes
from settlement.policy.locate import lines

JIANGDU = builtin_text("jiangdu")


def faults_of(text: str) -> dict[str, tuple[int | None, str]]:
    with pytest.raises(SchemeFaults) as caught:
        load(text, "broken.toml")
    return {fault.key: (fault.line, fault.zh) for fault in caught.value.faults}


def broken(*changes: tuple[str, str]) -> str:
    """Jiangdu's file with the first occurrence of each text replaced."""
    text = JIANGDU
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return text


def line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_shipped_schemes_have_no_fault() -> None:
    assert builtin_codes() == ["jiangdu"]
    for code in builtin_codes():
        assert load(builtin_text(code), code).code == code


def test_ten_faults_are_listed_at_once_each_with_line_key_and_what_is_allowed() -> None:
    text = broken(
        ('valid_from = "2025-01"', 'valid_from = "2025-13"'),
        ("amount_fen = 15000", 'amount_fen = "150元"'),
        ("levels = [3, 4]", "levels = [2, 5]"),
        ('rule = "highest"', 'rule = "best"'),
        ('role = "assessor"', 'role = "asessor"'),
        ('\nclause = "六1"\n', "\n"),
        ("weight = 3", "weight = 3\npercent = 30"),
        ('[visits.variety]\nitems_per_year = 3\nclause = "五(三)2"\n', ""),
        ('tier = "semi"', 'tier = "half"'),
        ("hours = 10 }", "minutes = 600 }"),
    )

    found = faults_of(text)

    assert found == {
        "valid_from": (line(text, '"2025-13"'), "“2025-13”不是月份"),
        "benefits.needy.tiers.semi.amount_fen": (line(text, '"150元"'), "“150元”不是整数"),
        "benefits.needy.tiers.disabled.levels[1]": (line(text, "[2, 5]"), "等级 2 已属于另一档"),
        "benefits.needy.tiers.disabled.levels[2]": (line(text, "[2, 5]"), "5 超出范围"),
        "benefits.needy": (line(text, '[[benefits]]\ncode = "needy"'), "“needy.semi”没有每月上门次数"),
        "combination.rule": (line(text, '"best"'), "“best”不在可选范围内"),
        "enrolment.steps.assess.role": (line(text, '"asessor"'), "没有角色“asessor”"),
        "funding.shares.district": (line(text, "[[funding.shares]]"), "没有注明出处"),
        "funding.shares.town.percent": (line(text, "percent = 30"), "没有这一项"),
        "visits.variety": (line(text, "[visits.duration]"), "缺少此表"),
        "visits.monthly.half.tier": (line(text, '"half"'), "“needy”没有档次“half”"),
        "fraud.signals.long_day.params": (line(text, "{ minutes = 600 }"), "参数不对"),
    }


def test_a_fault_reads_as_one_sentence_in_each_language() -> None:
    with pytest.raises(SchemeFaults) as caught:
        load(broken(("percent = 10\n", "percent = 110\n")), "江都.toml")
    place = line(JIANGDU, "percent = 10\n")
    assert str(caught.value) == (
        f"江都.toml:{place} supervision.callback_district.percent：110 超出范围；0 至 100 的整数\n"
        "    110 is out of range; a whole number from 0 to 100"
    )


@pytest.mark.parametrize(
    ("before", "after", "key", "zh"),
    [
        ('payer = "town"', 'payer = "town2"', "funding.shares.town2.payer", "没有出资方“town2”"),
        ("weight = 7", "weight = true", "funding.shares.district.weight", "“true”不是整数"),
        ("amount_fen = 6000\n", "", "benefits.aged", "amount_fen 与 tiers 须写且只写一个"),
        ("carries = true", "carries = false", "purses.carry_over.lapses_after", "不结转时须说明何时失效"),
        (
            "carries = true",
            'carries = true\nlapses_after = "year"',
            "purses.carry_over.lapses_after",
            "可结转的余额不会失效",
        ),
        ('closes = "06-30"', 'closes = "06-31"', "enrolment.windows.summer.closes", "每年并非都有“06-31”"),
        ('code = "winter"', 'code = "summer"', "enrolment.windows.summer.code", "“summer”重复"),
        ('unit = "fen"', 'unit = "meals"', "unit", "补贴标准按金额（amount_fen）书写，计量单位须为 fen"),
        ('"solitary", "empty', '"lonely", "empty', "benefits.needy.any_of[6]", "没有类别“lonely”"),
        ('code = "long_day"', 'code = "long_night"', "fraud.signals.long_night.code", "没有信号“long_night”"),
        (
            'clause = "六1"',
            'clause = "六1"\nsource = "default"',
            "funding.shares.district",
            "clause 与 source 只能写一个",
        ),
        ('tier = "semi"\n', 'tier = "able"\n', "visits.monthly.able", "同一人群写了两次"),
        ('time_zone = "Asia/Shanghai"', 'time_zone = "Peking"', "time_zone", "“Peking”不是时区"),
        ("[months.change]", "[months]\nchange = 1\n[months.changed]", "months.change", "这里应是一张表"),
        ("registered_here = true", 'registered_here = "是"', "residence.registered_here", "“是”不是是/否"),
        (
            'code = "town"\nname_zh = "镇财政"',
            'code = "towns"\nname_zh = "镇财政"',
            "funding.route.rule",
            "“town_pays”需要出资方“town”",
        ),
    ],
)
def test_contradictions_between_tables_are_found(before: str, after: str, key: str, zh: str) -> None:
    found = faults_of(broken((before, after)))
    assert found[key][1] == zh


@pytest.mark.parametrize("text", ["x = [", 'a = "open', "a = 1\na = 2", "[a]\n[a]"])
def test_what_is_no_toml_is_told_with_its_line(text: str) -> None:
    with pytest.raises(SchemeFaults) as caught:
        load('code = "x"\n' + text, "x.toml")
    [fault] = caught.value.faults
    assert fault.zh == "不是合法的 TOML；其余问题要等这一处改好后才能检查"
    assert fault.line in (2, 3)


def test_an_empty_file_lists_everything_that_is_missing() -> None:
    found = faults_of("")
    assert {"code", "notice", "benefits", "funding", "fraud"} <= set(found)
    assert set(found.values()) <= {(None, "缺少此项"), (None, "缺少此表")}


def test_windows_encodings() -> None:
    assert load_bytes(b"\xef\xbb\xbf" + JIANGDU.replace("\n", "\r\n").encode(), "x.toml") == load(JIANGDU)
    with pytest.raises(SchemeFaults) as caught:
        load_bytes(JIANGDU.encode("gb18030"), "x.toml")
    assert [fault.zh for fault in caught.value.faults] == ["文件不是 UTF-8 编码"]


def test_values_of_a_wrong_kind_anywhere_are_faults_never_a_crash() -> None:
    """Every value of the file in turn is replaced by a text, a number, a list and a table."""
    places = [match.span(1) for match in re.finditer(r"^[a-z_]+ = ([^\[{\n]+)$", JIANGDU, re.MULTILINE)]
    for wrong in ("[[1]]", "{ a = 1 }", "1979-05-27"):
        for start, end in places[::7]:
            with pytest.raises(SchemeFaults):
                load(JIANGDU[:start] + wrong + JIANGDU[end:])


def test_lines_are_found_in_every_way_of_writing_toml() -> None:
    text = (
        "# comment = 1\n"
        'a = "x" # b = 2\n'
        '"quoted key" = 1\n'
        "c.d.e = [\n"
        "  1, # one ]\n"
        '  { f = "]" },\n'
        "]\n"
        'm = """\n'
        "n = 1\n"
        '"""\n'
        "[[t]]\n"
        "x = 1\n"
        "[[t]]\n"
        "x = { y = 2, z = ''' ''' }\n"
        "[[t.u]]\n"
        "v = 3\n"
    )
    tomllib.loads(text)
    expected: dict[Any, int] = {
        ("a",): 2,
        ("quoted key",): 3,
        ("c", "d", "e"): 4,
        ("c", "d", "e", 0): 5,
        ("c", "d", "e", 1, "f"): 6,
        ("m",): 8,
        ("t", 0): 11,
        ("t", 0, "x"): 12,
        ("t", 1): 13,
        ("t", 1, "x", "z"): 14,
        ("t", 1, "u", 0): 15,
        ("t", 1, "u", 0, "v"): 16,
    }
    found = lines(text)
    assert {path: found[path] for path in expected} == expected
    assert ("n",) not in found


def test_either_every_method_of_the_door_is_named_or_none() -> None:
    first, rest = JIANGDU.split("[[door.methods]]", 1)
    rest, after = rest.split("[door.plausible]", 1)
    four = rest.rpartition("[[door.methods]]")[0]
    assert faults_of(f"{first}[[door.methods]]{four}[door.plausible]{after}") == {
        "door.methods": (line(JIANGDU, "[[door.methods]]"), "没有写明“typed”")
    }
    assert [each.code for each in load(f"{first}[door.plausible]{after}").door.methods] == [
        "chip",
        "dynamic",
        "card_qr",
        "door_plate",
        "typed",
    ]
