"""What orjson writes, pydantic would write, byte for byte."""

import datetime
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NewType
from uuid import UUID

import orjson
import pytest
from asyncpg.pgproto.pgproto import UUID as AsyncpgUUID  # noqa: N811 -- an initialism
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    TypeAdapter,
    computed_field,
    field_serializer,
)

from app.db import row
from app.http.json_writer import json_writer
from app.pages import Page

ItemId = NewType("ItemId", UUID)
Shouted = Annotated[str, PlainSerializer(str.upper)]
MOMENT = datetime.datetime(2026, 1, 31, 12, 30, 0, tzinfo=datetime.UTC)
TIGHT = UUID(int=2**127 + 7)


class Colour(StrEnum):
    RED = "red"


@row
class Item:
    id: ItemId
    name: str
    number: int
    known: bool | None
    colour: Colour
    at: AwareDatetime


@row
class SecretItem(Item):
    secret: str


@row
class ShoutedItem:
    name: Shouted


class ItemPage(Page[Item]):
    """As routes declare them."""


def item(**changes: Any) -> Item:
    given = {"id": TIGHT, "name": "a", "number": 1, "known": None, "colour": Colour.RED}
    return Item(**{**given, "at": MOMENT, **changes})


@pytest.mark.parametrize(
    "answer",
    [
        item(),
        item(known=True, id=AsyncpgUUID(TIGHT.bytes)),
        *(
            item(name=name)
            for name in ("", '"\\/', "\x00\x1f\x7f", "é漢🎈\u2028\u2029", "</script>")
        ),
        *(item(number=number) for number in (0, -1, 2**53 + 1, -(2**63), 2**64)),
        *(item(at=MOMENT.replace(microsecond=each)) for each in (1, 120, 123456, 100000)),
        *(item(at=MOMENT.replace(year=year)) for year in (1, 999, 9999)),
        item(at=MOMENT.astimezone(datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))),
        item(at=MOMENT.astimezone(datetime.timezone(datetime.timedelta(0), "GMT"))),
        ItemPage(items=[], next_cursor=None),
        ItemPage(items=[item(), item(name="b")], next_cursor="c"),
    ],
)
def test_rows_and_pages_come_out_the_same(answer: Item | ItemPage) -> None:
    expected = TypeAdapter(type(answer)).dump_json(answer)

    assert json_writer(type(answer))(answer) == expected


def test_rows_and_pages_are_written_by_orjson(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(content: Any, *_: Any) -> bytes:
        return b"by orjson"

    monkeypatch.setattr(orjson, "dumps", write)

    assert json_writer(Item)(item()) == b"by orjson"
    assert json_writer(ItemPage)(ItemPage(items=[item()], next_cursor=None)) == b"by orjson"


def test_what_is_no_row_after_all_is_written_by_pydantic() -> None:
    page = ItemPage(items=[item()], next_cursor=None)
    page.items.append({"name": "not an item"})  # type: ignore[arg-type] # what is tested

    with pytest.warns(UserWarning, match="Unexpected"):
        assert b"not an item" in json_writer(ItemPage)(page)


def test_a_page_shows_nothing_that_it_does_not_declare() -> None:
    secret = SecretItem(TIGHT, "a", 1, None, Colour.RED, MOMENT, "for nobody")  # type: ignore[arg-type]
    page = ItemPage(items=[item(), secret], next_cursor=None)

    written = json_writer(ItemPage)(page)

    assert written == TypeAdapter(ItemPage).dump_json(page)
    assert b"nobody" not in written


class Renamed(BaseModel):
    name: str = Field(alias="Name")


class Hidden(BaseModel):
    name: str = Field(exclude=True)


class Configured(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Serialized(BaseModel):
    name: str

    @field_serializer("name")
    def shout(self, name: str) -> str:
        return name.upper()


class Computed(BaseModel):
    name: str

    @computed_field
    def length(self) -> int:
        return len(self.name)


class WithAnnotation(BaseModel):
    name: Shouted


class Nested(BaseModel):
    inner: Serialized
    more: list[ShoutedItem]


@row
class ComputedItem:
    name: str

    @computed_field
    def length(self) -> int:
        return len(self.name)


@row
class SerializedItem:
    name: str

    @field_serializer("name")
    def shout(self, name: str) -> str:
        return name.upper()


class Items(RootModel[list[Item]]):
    """A list by itself."""


class Sparse(BaseModel):
    name: str | None = Field(None, exclude_if=lambda name: name is None)


class Real(BaseModel):
    number: float


@dataclass
class Underlined:
    _name: str


@pytest.mark.parametrize(
    "answer",
    [
        ShoutedItem("a"),
        Renamed(Name="a"),
        Hidden(name="a"),
        Configured.model_validate({"name": "a", "other": "b"}),
        Serialized(name="a"),
        Computed(name="a"),
        WithAnnotation(name="a"),
        Nested(inner=Serialized(name="a"), more=[ShoutedItem("a")]),
        ComputedItem("a"),
        SerializedItem("a"),
        Items([item()]),
        Sparse(name=None),
        Real(number=1e16),
        Underlined("a"),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_what_says_how_it_is_written_is_written_so(answer: Any) -> None:
    expected = TypeAdapter(type(answer)).serializer.to_json(answer)

    assert json_writer(type(answer))(answer) == expected
