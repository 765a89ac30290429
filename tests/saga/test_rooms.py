"""A project is found, mounted as `rooms` and read; what is wrong in it is told with file and line."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from misstep.errors import UsageError
from misstep.saga.compile import compile_plan
from misstep.saga.matrix_check import check_project
from misstep.saga.matrix_markdown import markers, with_block
from misstep.saga.mount import lay_types_link, mount_rooms, unmount_rooms
from misstep.saga.rooms import find_project, load_project

CONTRACTS = """
from misstep import Contract

class Asked(Contract, name="shop.asked", version="1.0"):
    number: int

class Positive(Asked):
    pass

class Answered(Contract, name="shop.answered", version="1.0"):
    number: int
"""
AGENTS = """
from typing import Literal, Protocol
from misstep import Failure, Turn, agent
from rooms.contracts.shop import Answered, Positive

class Desk(Protocol):
    def answer(self) -> int: ...

@agent(budget="1s")
def answer(turn: Turn[Positive], desk: Desk) -> Answered | Failure[Literal["rubric_fail"]]:
    if not turn.payload.number:
        return turn.fail("rubric_fail", "nothing was asked")
    return Answered(number=desk.answer())
"""
SCORE = """
from misstep import Choreography, dead_letter, escalate
from rooms.agents.shop import answer
from rooms.contracts.shop import Asked

shop = Choreography("shop", starts=Asked, deadline="1m", otherwise={"agent_fault": escalate})
shop.on(answer, rubric_fail=dead_letter, latency_blow=dead_letter, schema_invalid=dead_letter)
"""
WIRING = """
from collections.abc import AsyncIterator
from misstep import Wiring
from rooms.agents.shop import Desk

wiring = Wiring()

class Front:
    def answer(self) -> int:
        return 42

@wiring.provides(dependency="desk")
async def desk() -> AsyncIterator[Desk]:
    yield Front()
"""

Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Write]:
    def write(**files: str) -> Path:
        root = tmp_path / "project"
        named = {"contracts": CONTRACTS, "agents": AGENTS, "saga": SCORE, "wiring": WIRING, **files}
        for room, text in named.items():
            file = root / "agents" / "wiring.py" if room == "wiring" else root / room / "shop.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (root / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
        return root

    unmount_rooms()
    yield write
    unmount_rooms()


def _refusal(root: Path) -> str:
    with pytest.raises(UsageError) as refused:
        load_project(root)
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_a_project_is_read(project: Write) -> None:
    root = project()
    found = load_project(root)
    assert list(found.choreographies) == ["shop"]
    assert [contract.__contract__.text for contract in found.contracts] == ["shop.answered@1.0", "shop.asked@1.0"]
    assert found.wiring.dependency_names == {"desk"}
    plan = compile_plan(found.choreographies["shop"])
    found.wiring.check(plan)
    assert plan.agents["answer"].accepts[0].__module__ == "rooms.contracts.shop"


def test_a_project_that_is_read_twice_is_the_same(project: Write) -> None:
    root = project()
    assert load_project(root).choreographies["shop"] is load_project(root).choreographies["shop"]


def test_another_project_takes_its_place(project: Write, tmp_path: Path) -> None:
    first = load_project(project())
    (tmp_path / "project").rename(tmp_path / "moved")
    second = load_project(tmp_path / "moved")
    assert second.choreographies["shop"] is not first.choreographies["shop"]
    assert second.choreographies["shop"].where.startswith(str(tmp_path / "moved"))


def test_a_project_is_found_from_inside_it(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project()
    assert find_project(root / "saga") == root
    monkeypatch.chdir(root / "contracts")
    assert find_project() == root
    monkeypatch.chdir(root.parent)
    with pytest.raises(UsageError, match="is in no project"):
        find_project()
    monkeypatch.setenv("MISSTEP_PROJECT", str(root))
    assert find_project() == root
    monkeypatch.setenv("MISSTEP_PROJECT", str(root / "saga"))
    with pytest.raises(UsageError, match="is no project"):
        find_project()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"saga": "shop = Choreography('shop')"}, "saga/shop.py:1: NameError: name 'Choreography' is not defined;"),
        ({"saga": "x = 1\nshop = = 2"}, "saga/shop.py:2: SyntaxError: invalid syntax;"),
        ({"saga": "from rooms.agents.nowhere import nobody"}, "saga/shop.py:1: ModuleNotFoundError: No module named"),
        ({"agents": "from misstep import agents_of_mine"}, "agents/shop.py:1: ImportError: cannot import name"),
        ({"contracts": "raise SystemExit('no')"}, "contracts/shop.py:1: SystemExit: no;"),
        ({"contracts": "import json\n\njson.loads('{')"}, "contracts/shop.py:3: JSONDecodeError: Expecting property"),
        ({"saga": SCORE + "\nshop.on(answer, rubric_fail=escalate)\n"}, "saga/shop.py:9: workflow shop, agent answer"),
        ({"saga": SCORE + "\nagain = Choreography('shop', starts=Asked, deadline='1m')\n"}, "is declared at"),
        ({"wiring": "from misstep import Wiring"}, "agents/wiring.py holds 0 objects of type Wiring"),
        ({"wiring": WIRING + "\nother = Wiring()\n"}, "agents/wiring.py holds 2 objects of type Wiring"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(project: Write, files: dict[str, str], said: str) -> None:
    assert said in _refusal(project(**files))


def test_a_mended_module_is_read_again(project: Write) -> None:
    root = project(saga="shop = nothing")
    _refusal(root)
    (root / "saga" / "shop.py").write_text(SCORE)
    assert list(load_project(root).choreographies) == ["shop"]


def test_a_project_without_wiring_has_an_empty_one(project: Write) -> None:
    root = project()
    (root / "agents" / "wiring.py").unlink()
    assert load_project(root).wiring.providers == ()


def test_a_foreign_package_called_rooms_is_not_touched(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rooms", pytest)
    with pytest.raises(UsageError, match="a package called `rooms` is loaded from"):
        mount_rooms(project())
    monkeypatch.undo()


def test_no_package_called_agents_is_installed(project: Write) -> None:
    root = project()
    code = (
        "import sys; from pathlib import Path; from misstep.saga.rooms import load_project; "
        f"load_project(Path({str(root)!r})); assert 'agents' not in sys.modules; assert 'saga' not in sys.modules; "
        "from rooms.contracts.shop import Asked; print(Asked.__contract__.text)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root.parent, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "shop.asked@1.0\n", "")


def test_the_link_for_type_checkers(project: Write) -> None:
    root = project()
    link = lay_types_link(root)
    assert lay_types_link(root) == link == root / ".types" / "rooms"
    assert (link / "contracts" / "shop.py").samefile(root / "contracts" / "shop.py")
    assert str(link.readlink()) == ".."
    link.unlink()
    link.symlink_to("elsewhere")
    lay_types_link(root)
    assert str(link.readlink()) == ".."
    link.unlink()
    link.mkdir()
    with pytest.raises(UsageError, match="cannot be laid"):
        lay_types_link(root)


def test_a_project_is_checked_as_a_whole(project: Write) -> None:
    root = project()
    found = load_project(root)
    (missing,) = check_project(found)
    assert "ARCHITECTURE.md does not exist" in missing.message
    begin, end = markers("shop")
    plan = compile_plan(found.choreographies["shop"])
    (root / "ARCHITECTURE.md").write_text(with_block(f"{begin}\n{end}\n", plan))
    assert check_project(found) == []


def test_a_project_with_unprovided_dependencies_is_found(project: Write) -> None:
    root = project(wiring="from misstep import Wiring\nwiring = Wiring()\n")
    found = [finding.message for finding in check_project(load_project(root))]
    assert any(said.startswith("agents/shop.py:9: agent answer: nothing provides desk: Desk") for said in found)


def test_a_project_without_workflows_is_found(project: Write) -> None:
    (finding,) = check_project(load_project(project(saga="")))
    assert "saga/ declares no workflow" in finding.message
