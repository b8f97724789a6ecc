"""Says in sentences how a statement's snapshot differs from what PostgreSQL says now."""

from collections.abc import Iterator, Sequence

from tools.sql import Description, Parameter, ResultColumn


def between(old: Description, new: Description) -> Iterator[str]:
    """The differences in meaning; none where the descriptions say the same."""
    if old.command != new.command:
        yield f"it is now {new.command}, not {old.command}"
    yield from _parameters(old.parameters, new.parameters)
    yield from _columns(old.columns, new.columns)
    if (old.at_least_one_row, old.at_most_one_row) != (new.at_least_one_row, new.at_most_one_row):
        yield f"it now returns {_rows(new)}, not {_rows(old)}"


def _parameters(old: Sequence[Parameter], new: Sequence[Parameter]) -> Iterator[str]:
    if len(old) != len(new):
        yield f"it now has {len(new)} parameters, not {len(old)}"
        return
    for before, after in zip(old, new, strict=True):
        if before.type.sql != after.type.sql:
            yield f"${after.number} is now {after.type.sql}, not {before.type.sql}"
        elif before.type.labels != after.type.labels:
            yield f"${after.number}'s enum is now {_labels(after)}, not {_labels(before)}"
        if before.accepts_null and not after.accepts_null:
            yield f"${after.number} may not be NULL any more: {after.reason}"
        if after.accepts_null and not before.accepts_null:
            yield f"${after.number} may be NULL now"


def _columns(old: Sequence[ResultColumn], new: Sequence[ResultColumn]) -> Iterator[str]:
    names_before = [column.name for column in old]
    names_after = [column.name for column in new]
    if names_before != names_after:
        yield f"it now returns {', '.join(names_after)}, not {', '.join(names_before)}"
        return
    for before, after in zip(old, new, strict=True):
        if before.type.sql != after.type.sql:
            yield f"{after.name} is now {after.type.sql}, not {before.type.sql}"
        elif before.type.labels != after.type.labels:
            yield f"{after.name}'s enum is now {_labels(after)}, not {_labels(before)}"
        if after.nullable and not before.nullable:
            yield f"{after.name} can be NULL now: {after.reason}"
        if before.nullable and not after.nullable:
            yield f"{after.name} can't be NULL any more: {after.reason}"


def _rows(description: Description) -> str:
    if description.at_most_one_row:
        return "exactly one row" if description.at_least_one_row else "at most one row"
    return "at least one row" if description.at_least_one_row else "any number of rows"


def _labels(item: Parameter | ResultColumn) -> str:
    return ", ".join(item.type.labels)
