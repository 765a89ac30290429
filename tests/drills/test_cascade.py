from misstep.cli.drill.cascade import SIDES, expected, finishes
from tests.drills.conftest import Play


def test_patterns_bring_five_agents_from_77_to_99_percent(play: Play) -> None:
    played = play("cascade", "--cases", "100")
    assert played.code == 0, played.said["checks"]
    assert played.row("none")["cases"] < 90
    assert played.row("together")["cases"] >= 99
    assert played.row("degrade")["degraded"] > 0


def test_without_its_patterns_it_says_no(play: Play) -> None:
    played = play("cascade", "--cases", "60", "--sabotage")
    assert played.code == 1
    assert "all patterns together finish at least 99%" in played.failing


def test_the_schedule_comes_to_what_arithmetic_expects() -> None:
    many = 20_000
    for side in SIDES:
        share = sum(finishes(3, number, side) for number in range(many)) / many
        assert abs(share - expected(side)) < 0.012, side.name
