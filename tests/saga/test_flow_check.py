"""Each planted mistake in the way of a case is found: who is never reached, what goes round, what is not there."""

from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from misstep import (
    Agent,
    Choreography,
    Contract,
    Escalated,
    Failure,
    Turn,
    Undo,
    agent,
    compensate,
    dead_letter,
    escalate,
    to,
)
from misstep.agents.plan import Chain
from misstep.agents.route import ToLink
from misstep.saga.case_states import follow
from misstep.saga.score_map import ESCALATED, ScoreMap, map_of
from tests.saga.loans import Application, Decided, Parked, Scored, decide, loans, park, score_by_rule
from tests.saga.planted import errors, the_one, warnings


class Ordered(Contract, name="flow.ordered", version="1.0"):
    """The start of these tests' scores."""

    number: int


class Packed(Contract, name="flow.packed", version="1.0"):
    number: int


class Sent(Contract, name="flow.sent", version="1.0"):
    number: int


@agent(budget="1s")
def pack(turn: Turn[Ordered]) -> Packed | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no box")


@agent(budget="1s")
def pack_again(turn: Turn[Sent]) -> Packed | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no box")


@agent(budget="1s")
def pack_by_hand(turn: Turn[Ordered]) -> Packed | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no box")


@agent(budget="1s")
def send(turn: Turn[Packed]) -> Sent | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no van")


@agent(budget="1s")
def send_either(turn: Turn[Packed | Ordered]) -> Sent | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no van")


@agent(budget="1s")
def resume(turn: Turn[Escalated]) -> Packed | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "nobody answers")


@agent(budget="1s", effect="sends a parcel")
def post(turn: Turn[Packed]) -> Sent | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no van")


@agent(budget="1s", effect="sends a parcel", irreversible="it is on its way")
def post_for_good(turn: Turn[Packed]) -> Sent | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no van")


@agent(budget="1s")
def confirm(turn: Turn[Sent]) -> Parked | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no address")


def _shop() -> Choreography:
    return Choreography("shop", starts=Ordered, deadline="1m")


def test_a_route_to_an_agent_without_a_row() -> None:
    made = _shop()
    made.on(pack, rubric_fail=to(pack_by_hand) | dead_letter)
    assert "which has no row in shop; give it one with on(pack_by_hand, ...)" in the_one(
        errors(made), "pack", "rubric_fail"
    )


def test_a_route_to_another_agent_of_the_same_name() -> None:
    other = agent(budget="1s")(pack_by_hand.function)
    made = _shop()
    made.on(pack, rubric_fail=to(other) | dead_letter)
    made.on(pack_by_hand, standby=True, rubric_fail=dead_letter)
    assert "goes to another agent called pack_by_hand" in the_one(errors(made), "pack", "rubric_fail")


def test_an_agent_that_nobody_emits_for() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(confirm, rubric_fail=dead_letter)
    assert "nobody emits flow.sent, which it accepts" in the_one(errors(made), "confirm")


def test_an_agent_behind_one_that_is_never_reached() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(decide, invariant_broken=dead_letter)
    made.on(score_by_rule, standby=True, rubric_fail=dead_letter)
    found = {finding.agent: finding.message for finding in errors(made)}
    assert "it is on standby and no route hands over to it; write to(score_by_rule)" in found["score_by_rule"]
    assert "no case that begins with flow.ordered comes to it" in found["decide"]
    assert len(found) == 2


def test_a_start_contract_that_nobody_accepts() -> None:
    made = _shop()
    made.on(send, rubric_fail=dead_letter)
    found = errors(made)
    assert "no agent accepts the start contract flow.ordered" in the_one([one for one in found if not one.agent])


def test_two_agents_that_accept_one_contract_are_a_fork() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(pack_by_hand, rubric_fail=dead_letter)
    assert "pack and pack_by_hand all accept flow.ordered, which makes a fork" in the_one(errors(made), "pack_by_hand")


def test_branches_of_two_forks_are_no_fork() -> None:
    made = _shop()
    made.on(pack, fork="one", rubric_fail=dead_letter)
    made.on(pack_by_hand, fork="two", rubric_fail=dead_letter)
    assert "makes a fork" in the_one(errors(made), "pack_by_hand")


def test_a_declared_fork_has_to_meet_again() -> None:
    made = _shop()
    made.on(pack, fork="packers", rubric_fail=dead_letter)
    made.on(pack_by_hand, fork="packers", rubric_fail=dead_letter)
    assert [finding.agent for finding in errors(made)] == ["pack", "pack_by_hand"]
    assert all("instead of a join" in finding.message for finding in errors(made))


def test_a_standby_is_no_branch() -> None:
    made = _shop()
    made.on(pack, rubric_fail=to(pack_by_hand) | dead_letter)
    made.on(pack_by_hand, standby=True, rubric_fail=dead_letter)
    assert errors(made) == []


def test_a_hand_over_to_an_agent_for_which_the_case_has_said_nothing_yet() -> None:
    made = _shop()
    made.on(pack, rubric_fail=to(confirm) | dead_letter)  # type: ignore[misc]
    made.on(send, rubric_fail=dead_letter)
    made.on(confirm, rubric_fail=dead_letter)
    said = the_one(errors(made), "pack", "rubric_fail")
    assert "goes to confirm, which accepts flow.sent" in said
    assert "can have said only flow.ordered" in said


def test_a_hand_over_back_to_an_earlier_version_is_fine() -> None:
    made = _shop()
    made.on(pack, rubric_fail=to(pack_by_hand) | dead_letter)
    made.on(pack_by_hand, standby=True, rubric_fail=dead_letter)
    made.on(send, rubric_fail=to(pack_by_hand) | dead_letter)  # type: ignore[misc]
    assert errors(made) == []


def test_either_of_two_contracts_is_enough() -> None:
    made = Choreography("shop", starts=Ordered, deadline="1m")
    made.on(pack, rubric_fail=to(send_either) | dead_letter)
    made.on(send_either, standby=True, rubric_fail=dead_letter)
    assert errors(made) == []


def test_a_version_that_only_some_ways_bring_is_not_enough() -> None:
    """`resume` comes in without a parcel; from it nothing can go to an agent that accepts one."""
    made = _shop()
    made.on(pack, rubric_fail=escalate, latency_blow=dead_letter)
    made.on(send, rubric_fail=escalate, latency_blow=dead_letter)
    made.on(confirm, standby=True, rubric_fail=dead_letter)
    made.on(resume, rubric_fail=to(confirm) | dead_letter)  # type: ignore[misc]
    found = [finding for finding in errors(made) if finding.agent == "resume"]
    assert "can have said only flow.ordered" in the_one(found, "resume", "rubric_fail")


def test_emissions_that_go_round_for_ever() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(send, rubric_fail=dead_letter)
    made.on(pack_again, rubric_fail=dead_letter)
    said = the_one(errors(made), "send")
    assert "a case can go round send -> pack_again -> send for ever" in said
    assert "make the way back a failure that goes by to(...)" in said


def test_an_escalation_that_leads_back_goes_round_for_ever() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(send, rubric_fail=escalate, latency_blow=dead_letter)
    made.on(resume, rubric_fail=dead_letter)
    assert "send -> resume -> send" in the_one(errors(made), "send")


def test_a_way_back_that_costs_hand_offs_is_fine() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(send, rubric_fail=to(pack) | dead_letter)  # type: ignore[misc]
    assert errors(made) == []


def test_an_effect_that_compensate_cannot_undo() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(post, rubric_fail=dead_letter)
    made.on(confirm, rubric_fail=compensate)
    said = the_one(errors(made), "post")
    assert "it sends a parcel, confirm can send the case back by compensate, and nothing undoes it" in said
    assert "write @shop.undo(post)" in said


def test_the_failing_step_itself_is_undone_too() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(post, rubric_fail=compensate)
    assert "post can send the case back" in the_one(errors(made), "post")


def test_an_undo_or_a_reason_why_not_is_enough() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(post, rubric_fail=compensate)

    @made.undo(post)
    async def call_back(undo: Undo[Packed, Sent]) -> None: ...

    assert errors(made) == []
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(post_for_good, rubric_fail=compensate)
    assert errors(made) == []


def test_an_effect_that_nothing_compensates_needs_no_undo() -> None:
    made = _shop()
    made.on(pack, rubric_fail=compensate)
    made.on(post, rubric_fail=dead_letter)
    assert errors(made) == []


def test_an_undo_of_what_is_irreversible() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)
    made.on(post_for_good, rubric_fail=dead_letter)

    @made.undo(post_for_good)
    async def call_back(undo: Undo[Packed, Sent]) -> None: ...

    assert "declared irreversible and has an undo" in the_one(
        [one for one in warnings(made) if one.agent], "post_for_good"
    )


def test_an_undo_of_an_agent_without_a_row() -> None:
    made = _shop()
    made.on(pack, rubric_fail=dead_letter)

    @made.undo(post)
    async def call_back(undo: Undo[Packed, Sent]) -> None: ...

    assert "it has an undo but no row in shop" in the_one(errors(made), "post")


@agent(budget="1s")
def undo(turn: Turn[Ordered]) -> Packed | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no box")


def test_a_name_that_topics_need() -> None:
    made = _shop()
    made.on(undo, rubric_fail=dead_letter)
    assert "no agent may be called 'undo'" in the_one(errors(made), "undo")


def test_a_score_without_agents() -> None:
    assert "workflow shop has no agents" in the_one(errors(_shop()))


@agent(budget="1s")
def park_too(turn: Turn[Escalated]) -> Parked:
    return Parked(queue="second")


@agent(budget="1s")
def park_and_decide(turn: Turn[Escalated | Scored]) -> Decided:
    return Decided(granted=False)


def test_escalations_go_to_one_agent() -> None:
    made = loans()
    made.on(park_too, standby=True, waive="it only takes down")
    found = [finding.message for finding in errors(made)]
    assert any("park and park_too all accept escalations" in said for said in found)


def test_an_agent_of_escalations_does_nothing_else() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, rubric_fail=dead_letter)
    made.on(park_and_decide, waive="it only takes down")
    assert "it accepts escalations and loans.scored too" in the_one(errors(made), "park_and_decide")


def test_where_a_case_of_the_sound_score_can_be() -> None:
    reached = follow(map_of(loans())).reached
    assert reached["decide"] == {frozenset({"loans.application", "loans.scored"})}
    assert reached[park.name] == {frozenset({"loans.application", ESCALATED})}


CONTRACTS = ["a", "b", "c", "d"]
NAMES = ["p", "q", "r", "s"]


@st.composite
def maps(draw: st.DrawFn) -> ScoreMap:
    sets = st.sets(st.sampled_from(CONTRACTS), min_size=1, max_size=2).map(frozenset)

    def chain() -> Chain:
        targets = draw(st.lists(st.sampled_from(NAMES), max_size=2))
        return Chain(tuple(ToLink(AGENTS[name], None) for name in targets), "dead_letter")

    chains = {name: {"rubric_fail": chain()} for name in NAMES}
    return ScoreMap(
        accepts={name: draw(sets) for name in NAMES},
        emits={name: draw(sets) for name in NAMES},
        standby=frozenset(draw(st.sets(st.sampled_from(NAMES), max_size=2))),
        chains=chains,
        hands_to={},
        escalates=frozenset(),
        starts="a",
        joins={},
    )


def _named(name: str) -> Agent[Any, Any]:
    def function(turn: Turn[Ordered]) -> Packed:
        return Packed(number=1)

    function.__name__ = name
    return agent(budget="1s")(function)


AGENTS: dict[str, Agent[Any, Any]] = {name: _named(name) for name in NAMES}


@given(maps())
def test_the_poorest_histories_find_what_following_every_history_finds(map_: ScoreMap) -> None:
    reached: set[tuple[str, frozenset[str]]] = set()
    misfits: set[tuple[str, str]] = set()
    waiting = [(name, frozenset({"a"})) for name in map_.hearers("a")]
    while waiting:
        name, said = state = waiting.pop()
        if state in reached:
            continue
        reached.add(state)
        for contract in map_.emits[name]:
            waiting += [(listener, said | {contract}) for listener in map_.listeners(name, contract)]
        for link in map_.chains[name]["rubric_fail"].links:
            assert isinstance(link, ToLink)
            if not said & map_.accepts[link.agent.name]:
                misfits.add((name, link.agent.name))
            waiting.append((link.agent.name, said))
    states = follow(map_)
    assert {name for name, _ in reached} == set(states.reached)
    assert misfits == {(name, target) for name, _, target in states.misfits}
    for name, said in states.ever.items():
        assert said == frozenset().union(*(said for other, said in reached if other == name))
    for name, poorest in states.reached.items():
        assert all(any(poor <= said for poor in poorest) for other, said in reached if other == name)
