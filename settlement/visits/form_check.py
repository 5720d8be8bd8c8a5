"""Whether a value fits a form, said at once; what does not fit is left to the form itself, which tells what is wrong with it.

marshmallow builds a second value and collects messages as it goes. Events of devices have the right form nearly always, and loading one changes
nothing in it, so that asking first saves most of the work.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from marshmallow import Schema, fields, validate

Check = Callable[[Any], bool]


def check_of(form: Schema) -> Check:
    """True only for what ``form.load`` would answer unchanged. Raises TypeError for a form with fields of other kinds than events have."""
    checks = {name: _of_field(field) for name, field in form.fields.items()}
    required = {name for name, field in form.fields.items() if field.required}

    def fits(value: Any) -> bool:
        if type(value) is not dict or not required <= value.keys() or not value.keys() <= checks.keys():
            return False
        return all(checks[name](part) for name, part in value.items())

    return fits


def _of_field(field: fields.Field[Any]) -> Check:
    kind = type(field)
    if kind is fields.String:
        return _typed(str, field)
    if kind is fields.Integer and getattr(field, "strict", False):
        return _typed(int, field)
    if kind is fields.Dict:
        return _typed(dict, field, lambda value: all(type(name) is str for name in value))
    if isinstance(field, fields.Nested):
        return check_of(field.schema)
    if isinstance(field, fields.List):
        inner = _of_field(field.inner)
        return _typed(list, field, lambda value: all(map(inner, value)))
    raise TypeError(f"no check for {field!r}")


def _typed(kind: type, field: fields.Field[Any], *more: Check) -> Check:
    checks: Sequence[Check] = [*map(_of_validator, field.validators), *more]
    if len(checks) == 1:
        [only] = checks
        return lambda value: type(value) is kind and only(value)
    return lambda value: type(value) is kind and all(check(value) for check in checks)


def _of_validator(validator: Any) -> Check:
    if isinstance(validator, validate.Length) and validator.min is not None and validator.max is not None:
        shortest, longest = validator.min, validator.max
        return lambda value: shortest <= len(value) <= longest
    if isinstance(validator, validate.Range):
        return lambda value: validator.min <= value <= validator.max
    if isinstance(validator, validate.Regexp):
        return lambda value: validator.regex.match(value) is not None
    if isinstance(validator, validate.OneOf):
        return frozenset(validator.choices).__contains__
    if isinstance(validator, validate.Equal):
        return lambda value: bool(operator.eq(value, validator.comparable))
    raise TypeError(f"no check for {validator!r}")
