"""Requests a second as bars, in SVG."""

from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from benchmarks.stage.contenders import SERVICE

WORKS: Final = {"me": "GET /users/me", "page": "a page of 20 posts"}
WIDTH: Final = 760
LABELS: Final = 250
"""Where the bars begin."""
FIGURES: Final = 90
"""Room for a number behind the longest bar."""
LINE: Final = 26
BAR: Final = 16
HEAD: Final = 30
STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .bar { fill: #9aa4af }
  .own { fill: #1f6feb }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } }
"""


def of_requests(measured: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A group of bars for each of `WORKS` that was measured."""
    parts: list[str] = []
    top = 0
    for work, title in WORKS.items():
        if work not in measured:
            continue
        parts.append(text(0, top + 20, f"{title}: requests a second", "title"))
        top += HEAD
        most = max(one["rate"] for one in measured[work].values())
        for name, one in sorted(measured[work].items(), key=rate):
            parts += bar(top, name.replace("`", ""), one["rate"], most)
            top += LINE
        top += LINE // 2
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"


def rate(item: tuple[str, Mapping[str, float]]) -> float:
    return item[1]["rate"]


def bar(top: int, name: str, value: float, most: float) -> list[str]:
    """A label, the bar, and its number."""
    length = (WIDTH - LABELS - FIGURES) * value / most
    kind = "own" if name == SERVICE else "bar"
    rectangle = (
        f'<rect class="{kind}" x="{LABELS}" y="{top + 3}" width="{length:.1f}" height="{BAR}"/>'
    )
    number = text(LABELS + length + 6, top + BAR, f"{value:,.0f}")
    return [text(0, top + BAR, name), rectangle, number]


def text(x: float, y: float, content: Any, kind: str = "") -> str:
    """A line of text."""
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y}">{escape(str(content))}</text>'
