"""A drill's plot is well-formed SVG, whatever is drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from misstep.cli.drill.chart import HEIGHT, WIDTH, Bars, Chart, Lines

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(chart.svg())


def texts(chart: Chart) -> list[str]:
    return ["".join(element.itertext()) for element in drawn(chart).iter(f"{SVG}text")]


def test_bars_stand_as_high_as_their_values() -> None:
    chart = Bars("a & b", "%", ("was", "<is>"), [("one", (50.0, 100.0)), ("two", (0.0, 25.0))])
    bars = [element for element in drawn(chart).iter(f"{SVG}rect") if element.get("fill") != "#ffffff"][2:]
    heights = [float(bar.get("height", "")) for bar in bars]
    assert heights[0] == pytest.approx(heights[1] / 2)
    assert (heights[2], heights[3]) == (0.0, pytest.approx(heights[1] / 4))
    assert {"a & b", "<is>", "one", "two", "100"} <= set(texts(chart))


def test_lines_stay_within_the_picture_and_stretches_are_marked() -> None:
    chart = Lines("t", "seconds", "ms", {"one": [(float(x), x * 7.3) for x in range(5_000)]}, [(100, 900, "slow")])
    (line,) = drawn(chart).iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert len(points) <= 2_000
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert {"slow", "seconds", "1,000"} <= set(texts(chart))


@pytest.mark.parametrize(
    "chart", [Bars("t", "", (), ()), Lines("t", "", "", {}), Lines("t", "", "", {"one": [(2.0, 0.0)]})]
)
def test_nothing_to_draw_is_no_error(chart: Chart) -> None:
    assert re.match("<svg ", chart.svg())
    drawn(chart)
