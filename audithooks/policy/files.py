"""Policies in files: TOML, or a part of pyproject.toml.

default = "allow"
allow = ["@write(path=./build|{tmp})"]
deny = ["@network"]

[[rule]]
id = "no-keys"
deny = "@read(path=~/.ssh)"
reason = "nobody's business"
"""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches

from .policy import TIERS, Ruling, rulings_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEYS = ("allow", "default", "deny", "report", "rule")
_RULE_KEYS = ("allow", "deny", "id", "reason", "report")


def load(path: str | os.PathLike[str]) -> tuple[list[Ruling], str, str]:
    """Return the rules, the default and the folder of a policy in a file."""
    name = os.fsdecode(path)
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib  # type: ignore[import-not-found]
        except ImportError:
            raise ValueError(
                f"{name}: before Python 3.11 a policy needs the package tomli: "
                "pip install audithooks[policy]"
            ) from None
    with open(path, "rb") as file:
        data = file.read()
    try:
        tables: dict[str, Any] = tomllib.loads(data.decode("utf-8-sig"))
    except ValueError as error:  # also of what is not UTF-8
        raise ValueError(f"{name}: {error}") from None
    except RecursionError:
        raise ValueError(f"{name}: its lists are nested too deeply") from None
    if os.path.basename(name) == "pyproject.toml":
        for key in ("tool", "audithooks", "policy"):
            found = tables.get(key)
            if not isinstance(found, dict):
                raise ValueError(f"{name} has no table [tool.audithooks.policy]")
            tables = found
    try:
        return (*_read(tables), os.path.dirname(os.path.abspath(name)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def _read(table: dict[str, Any]) -> tuple[list[Ruling], str]:
    if "tool" in table:
        raise ValueError(
            "[tool.audithooks.policy] is for pyproject.toml; here the keys stand alone"
        )
    _check_keys("", table, _KEYS)
    if not table:
        raise ValueError(f"it is empty: a policy has some of {', '.join(_KEYS)}")
    default = table.get("default", "allow")
    if default not in ("allow", "deny"):
        raise ValueError(f"default must be 'allow' or 'deny', not {default!r}")
    rulings = rulings_of({tier: _texts(tier, table.get(tier, [])) for tier in TIERS})
    tables = table.get("rule", [])
    if not isinstance(tables, list):
        raise ValueError("a rule begins with [[rule]]")
    ids = {ruling.id for ruling in rulings}
    for number, rule in enumerate(tables, 1):
        where = f"rule {number}"
        if not isinstance(rule, dict):
            raise ValueError(f"{where} must be a table, [[rule]]")
        _check_keys(f"{where}: ", rule, _RULE_KEYS)
        tiers = [tier for tier in TIERS if tier in rule]
        if len(tiers) != 1:
            given = f", not {' and '.join(tiers)}" if tiers else ""
            raise ValueError(
                f"{where} must have exactly one of deny, allow and report{given}"
            )
        (tier,) = tiers
        own = {"id": rule.get("id", where.replace(" ", "-")), "reason": ""}
        own["reason"] = rule.get("reason", "")
        if not rule[tier]:
            raise ValueError(f"{where}: {tier} has no rule")
        for key, value in own.items():
            if not isinstance(value, str):
                raise ValueError(f"{where}: {key} must be a string, not {value!r}")
        if not own["id"].isprintable() or not own["id"].strip():
            raise ValueError(f"{where}: id must be a word or more, not {own['id']!r}")
        if own["id"] in ids:
            raise ValueError(
                f"{where}: there is another rule with the id {own['id']!r}"
            )
        ids.add(own["id"])
        for part in rulings_of({tier: _texts(tier, rule[tier])}):
            rulings.append(Ruling(own["id"], tier, part.text, own["reason"]))
    return rulings, default


def _texts(key: str, value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
        raise ValueError(f"{key} must be a rule or a list of rules, not {value!r}")
    return texts


def _check_keys(where: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = (
                f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            )
            raise ValueError(f"{where}there is no key {key!r}; {hint}")
