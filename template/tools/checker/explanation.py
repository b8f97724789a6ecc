"""``app sql explain``: all that is known of one query."""

from collections.abc import Iterator
from typing import Any

from app.db.query import Statement
from tools.checker import source
from tools.sql import Description


def explain(statement: Statement, description: Description, plan: dict[str, Any] | None) -> str:
    """The query's types, what can be NULL in it and why, and its plan."""
    place = source.of_function(statement.function)
    lines = [
        f"{statement.name} ({place.file}:{place.line}), {description.command}",
        "",
        "Parameters",
    ]
    lines.extend(_parameters(statement, description))
    lines.extend(["", "Columns"])
    lines.extend(_columns(description))
    lines.extend(["", "Plan, for any parameters"])
    lines.extend(_plan(plan, 1) if plan else ["  none"])
    return "\n".join(lines)


def _parameters(statement: Statement, description: Description) -> Iterator[str]:
    if not description.parameters:
        yield "  none"
    names = list(statement.parameters)
    for name, parameter in zip(names, description.parameters, strict=False):
        refusal = "" if parameter.accepts_null else f"  not NULL: {parameter.reason}"
        yield f"  ${parameter.number} {name:<20} {parameter.type.sql:<26}{refusal}".rstrip()


def _columns(description: Description) -> Iterator[str]:
    if not description.columns:
        yield "  none"
    for column in description.columns:
        nullable = "NULL" if column.nullable else "not NULL"
        yield f"  {column.name:<23} {column.type.sql:<26} {nullable:<8}  {column.reason}".rstrip()


def _plan(plan: dict[str, Any], depth: int) -> Iterator[str]:
    yield "  " * depth + " ".join(_node(plan))
    for child in plan.get("Plans", ()):
        yield from _plan(child, depth + 1)


def _node(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["Node Type"]
    if "Index Name" in plan:
        yield f"using {plan['Index Name']}"
    if "Relation Name" in plan:
        yield f"on {plan['Relation Name']}"
    for condition in ("Index Cond", "Filter", "Join Filter", "Hash Cond"):
        if condition in plan:
            yield f"[{plan[condition]}]"
