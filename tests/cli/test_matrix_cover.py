"""`misstep matrix cover`: this project's matrices, a new project's, and one with a hole."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

from tests.cli.conftest import ROOT, Cli


def test_every_cell_of_this_project_is_walked_over_its_examples() -> None:
    said = Cli(ROOT)("matrix", "cover", "--json")
    assert said.code == 0, said.out + said.err
    assert said.json["covered"] is True
    assert {one["workflow"]: one["unwalked"] for one in said.json["workflows"]} == {
        "credit": 0,
        "invoice": 0,
        "outreach": 0,
    }
    assert all(one["cells"] == one["walked"] > 20 for one in said.json["workflows"])


def test_a_new_project_is_covered_and_a_hole_in_it_is_told(project: Path, tmp_path: Path) -> None:
    project = Path(copytree(project, tmp_path / "order-desk", symlinks=True))  # the other tests need theirs whole
    cli = Cli(project)
    assert cli("matrix", "cover", "--json").json["covered"] is True
    score = project / "saga" / "orders.py"
    said = score.read_text()
    # Examples that end before anybody can hand them over: `price_by_words` stays unwalked, and it is told why.
    (project / "examples" / "orders.jsonl").write_text('{"case_id": "order-1"}\n')
    hole = cli("matrix", "cover")
    assert hole.code == 1
    assert "unwalked orders, price_by_words, rubric_fail: no example came to price_by_words" in hole.out
    score.write_text(said.replace(', examples="examples/orders.jsonl"', ""))
    none = cli("matrix", "cover", "--json")
    assert none.code == 1
    assert none.json["workflows"][0]["walked"] == 0
    assert (
        "orders names no examples; write Choreography('orders', ..., examples=\"examples/orders.jsonl\")"
        in (none.json["workflows"][0]["why"])
    )


def test_a_workflow_that_is_not_there_is_a_wrong_usage() -> None:
    said = Cli(ROOT)("matrix", "cover", "nothing")
    assert said.code == 2
    assert "nothing" in said.sentence
