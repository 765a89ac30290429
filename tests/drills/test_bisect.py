import pytest

from misstep.cli.drill.long_history import LENGTH, planted
from tests.cli.conftest import ROOT, Cli, at
from tests.conftest import Servers
from tests.drills.conftest import Both, PlayBoth

CHECK = "misstep.cli.drill.long_history:adds_up"


@pytest.fixture(scope="module")
def plays(play_both: PlayBoth) -> Both:
    return play_both("bisect", "--cases 5 --keep", "--cases 2")


@pytest.fixture(scope="module")
def cli(plays: Both, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command line in the namespace of the drill that was played."""
    data = tmp_path_factory.mktemp("data")
    return at(servers, ROOT, data, MISSTEP_NAMESPACE=plays.whole.said["namespace"])


def test_each_wrong_turn_of_a_long_history_is_named_in_log2_steps(plays: Both) -> None:
    assert plays.whole.code == 0, plays.whole.said["checks"]
    assert plays.whole.said["steps"]["most"] <= 7
    for number in range(5):
        version, agent = planted(plays.whole.said["seed"], number)
        assert plays.whole.row(f"case-{number:03}")["named"] == f"{agent} at {version}"


def test_a_mistake_that_is_covered_up_at_the_end_is_not_found(plays: Both) -> None:
    assert "agent and version are named as they were planted" in plays.sabotaged.failing
    assert plays.sabotaged.row("case-000")["named"] == "none"


def test_the_command_names_agent_version_build_and_offset(plays: Both, cli: Cli) -> None:
    said = cli("bisect", "case-000", "--check", CHECK, "--json")
    assert said.code == 0, said.err
    version, agent = planted(plays.whole.said["seed"], 0)
    culprit = said.json["culprit"]
    assert (culprit["agent"], culprit["version"], culprit["build"]) == (agent, version, "drill-bisect")
    assert culprit["topic"] == f"{cli.namespace}.long_history.{agent}"
    assert culprit["offset"] >= 0
    assert said.json["followed_from"][0]["version"] == version - 1
    assert said.json["versions"] == LENGTH + 1
    assert {probe["proof"] for probe in said.json["probes"]} == {"verified"}


def test_the_command_tells_each_probe_and_what_was_said(plays: Both, cli: Cli) -> None:
    said = cli("bisect", "case-001", "--good", f"turn < {LENGTH // 2}")
    assert said.code == 0, said.err
    assert f"began it at version {LENGTH // 2}, by build drill-bisect" in said.out
    assert f"turn = {LENGTH // 2 - 1}" in said.out
    assert "Kafka, proved" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("case-000", "--good", "turn >= 0"), 1, "No version is bad."),
        (("case-000", "--good", "no.such.path >= 0"), 1, "No version says anything about it: is the path right?"),
        (("nobody", "--good", "turn >= 0"), 1, "no case nobody in namespace"),
        (("case-000",), 2, "either --good 'points >= 600' or --check checks.py:adds_up"),
        (("case-000", "--good", "a > 1", "--check", CHECK), 2, "either --good"),
        (("case-000", "--good", "what"), 2, "is no comparison"),
    ],
)
def test_what_cannot_be_found_or_asked_is_told(
    plays: Both, cli: Cli, arguments: tuple[str, ...], code: int, why: str
) -> None:
    said = cli("bisect", *arguments)
    assert said.code == code
    assert why in said.out + said.err
    assert "Traceback" not in said.err


def test_without_kafka_the_audit_is_believed_and_that_is_said(plays: Both, cli: Cli) -> None:
    said = cli("bisect", "case-000", "--check", CHECK, "--json", MISSTEP_KAFKA="127.0.0.1:1")
    assert said.code == 0, said.err
    assert "does not answer" in said.json["unread_because"]
    assert said.json["culprit"]["version"] == planted(plays.whole.said["seed"], 0)[0]
