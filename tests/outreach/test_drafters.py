"""The drafters: which prompt, which model, and what a turn says when a model does not write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from rooms.agents.outreach import drafter_primary
from rooms.agents.outreach_drafters import FallbackDrafter, Faults, FaultyModel, PrimaryDrafter, parse_faults
from rooms.agents.outreach_prompts import first_prompt, second_prompt
from rooms.agents.outreach_writer import Writer
from rooms.agents.wiring import wiring
from rooms.contracts.outreach import Cleared, Draft, Letter
from rooms.saga.outreach import outreach

from misstep import Failure
from misstep.errors import UsageError
from misstep.models import ModelDown, ModelNonsense, Prompt
from misstep.saga.compile import compile_plan
from misstep.testing import rehearse, turn
from tests.models.provider import TOKENS, Provider
from tests.outreach.test_reviewer import BRIEF, GOOD

CLEARED = Cleared(brief=BRIEF, rules=("paid",))
LETTER = GOOD.model_dump()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider().running() as running:
        yield running


def test_without_a_model_the_writer_writes_and_no_key_is_needed() -> None:
    given = turn(CLEARED, agent="drafter_primary")
    said = asyncio.run(drafter_primary(given, PrimaryDrafter(Writer("primary"))))
    assert isinstance(said, Draft)
    assert (said.drafted_by, said.model, said.prompt) == ("drafter_primary", "primary/sound", "free")
    assert given.noted is not None
    assert given.noted.tokens > 100


@pytest.mark.parametrize(("attempt", "prompt"), [(1, "free"), (2, "strict"), (3, "strict")])
def test_the_prompt_is_another_one_after_an_answer_that_was_no_letter(attempt: int, prompt: str) -> None:
    assert first_prompt(BRIEF, attempt).name == prompt
    assert first_prompt(BRIEF, 1).text != first_prompt(BRIEF, 2).text


def test_the_fallback_is_told_what_the_reviewer_missed() -> None:
    failed = Failure("rubric_fail", "0.65", {"missing": ["name the day by which to pay"]}, "reviewer")
    prompt = second_prompt(BRIEF, failed)
    assert prompt.name == "mended"
    assert "It did not:\n- name the day by which to pay" in prompt.text
    for other in (None, Failure("model_down", "away", {}, "drafter_primary")):
        assert second_prompt(BRIEF, other).name == "fallback"


class Asked:
    """A model that remembers its prompts, and writes by the rules of the writer."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self._writer = Writer("asked")

    async def ask(self, prompt: Prompt, *, answers: Any, attempt: int = 1) -> Any:
        self.prompts.append(prompt.name)
        return await self._writer.ask(prompt, answers=answers)


def test_in_a_case_each_drafter_gets_the_prompt_that_fits_why_it_is_asked(unpaid: dict[str, Any]) -> None:
    primary, fallback = Asked(), Asked()
    drafters = [PrimaryDrafter(primary), FallbackDrafter(fallback)]
    force = {"drafter_primary": ["schema_invalid", "ok"], "reviewer": ["rubric_fail", "ok"]}
    story = rehearse(outreach, unpaid, force=force, dependencies=drafters)
    assert story.outcome == "completed"
    assert story.path == [
        *("intake", "compliance_check", "drafter_primary", "reviewer"),
        *("drafter_fallback", "reviewer"),
    ]
    assert (primary.prompts, fallback.prompts) == (["strict"], ["fallback"]), "forced, so nothing says what is missing"


def test_a_careless_model_is_saved_by_the_strict_prompt(unpaid: dict[str, Any]) -> None:
    careless = PrimaryDrafter(FaultyModel(Writer(), Faults(careless=1)))
    story = rehearse(outreach, unpaid, dependencies=[careless])
    (drafted,) = [event for event in story.turns if event.agent == "drafter_primary"]
    assert (drafted.reason, drafted.tries[0][0], drafted.payload["prompt"]) == ("ok", "schema_invalid", "strict")
    assert story.outcome == "completed"


def test_a_hasty_build_is_caught_by_the_reviewer_and_mended_by_the_fallback(unpaid: dict[str, Any]) -> None:
    story = rehearse(outreach, unpaid, dependencies=[PrimaryDrafter(Writer(build="hasty"))])
    assert (story.outcome, story.reasons) == ("completed", ["ok", "ok", "ok", "rubric_fail", "ok", "ok"])
    assert story.turns[-2].payload["prompt"] == "mended"


def test_drafts_that_stay_bad_use_up_the_hand_offs_and_go_to_a_person(unpaid: dict[str, Any]) -> None:
    hasty = Writer(build="hasty")
    story = rehearse(outreach, unpaid, dependencies=[PrimaryDrafter(hasty), FallbackDrafter(hasty)])
    assert story.path.count("drafter_fallback") == outreach.handoffs == 3
    (exhausted,) = [event for event in story.turns if event.reason == "handoff_exhausted"]
    assert (exhausted.agent, exhausted.evidence["first_reason"]) == ("reviewer", "rubric_fail")
    assert story.outcome == "escalated"
    assert story.turns[-1].payload["question"].startswith("No draft was good enough")


def wired(provider: Provider, model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the primary drafter says, and its tokens, when its model is the provider's, opened by the wiring."""
    monkeypatch.setenv("OUTREACH_PRIMARY_MODEL", model)
    monkeypatch.setenv("OUTREACH_PRIMARY_BASE_URL", provider.url)

    async def draft() -> tuple[Draft | Failure[str], int]:
        opened = await wiring.open([PrimaryDrafter])
        given = turn(CLEARED, agent="drafter_primary")
        try:
            said: Draft | Failure[str] = await drafter_primary(given, opened.instances[PrimaryDrafter])
        except Failure as failure:
            said = failure
        finally:
            await opened.close()
        assert given.noted is not None
        return said, given.noted.tokens

    return asyncio.run(draft())


def test_with_a_model_in_the_settings_it_is_asked_over_http(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.says["poet-1"] = LETTER
    said, tokens = wired(provider, "poet-1", monkeypatch)
    assert isinstance(said, Draft)
    assert (said.letter, said.model, tokens) == (GOOD, "poet-1", TOKENS)
    sent = provider.requests[0]["messages"][-1]["content"]
    assert "D.Lgs. 285/1992" in sent
    assert '"owed": "35.17"' in sent


def test_a_model_that_refuses_has_written_no_letter(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.refuses["poet-1"] = "I do not write to debtors."
    said, tokens = wired(provider, "poet-1", monkeypatch)
    assert (said.reason, tokens) == ("schema_invalid", TOKENS)
    assert "I do not write to debtors." in said.detail


@pytest.mark.parametrize("status", [429, 503])
def test_a_model_in_trouble_is_down(provider: Provider, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    provider.status["poet-1"] = (status, {})
    said, tokens = wired(provider, "poet-1", monkeypatch)
    assert (said.reason, tokens) == ("model_down", 0)


def test_all_that_the_agents_need_is_provided() -> None:
    wiring.check(compile_plan(outreach))


@pytest.mark.parametrize("variable", ["OUTREACH_DRAFTER_BUILD", "OUTREACH_PRIMARY_FAULTS", "OUTREACH_PRIMARY_TIMEOUT"])
def test_a_setting_that_is_wrong_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "odd")
    monkeypatch.setenv("OUTREACH_PRIMARY_MODEL", "any")
    with pytest.raises(UsageError, match=variable):
        asyncio.run(wiring.open([PrimaryDrafter]))


@pytest.mark.parametrize("text", ["down", "down=2", "dwon=0.1", "seed=x"])
def test_faults_that_are_none_are_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="FAULTS: "):
        parse_faults(text, what="FAULTS")


def test_a_fault_hits_its_share_of_fines_and_the_same_ones_every_time() -> None:
    faults = parse_faults("seed=7,down=0.3", what="FAULTS")
    hit = [faults.hits("down", f"F{number}") for number in range(1_000)]
    assert 250 < sum(hit) < 350
    assert hit == [faults.hits("down", f"F{number}") for number in range(1_000)]
    model = FaultyModel(Writer(), Faults(down=1))
    with pytest.raises(ModelDown):
        asyncio.run(model.ask(Prompt("write", BRIEF), answers=Letter))
    with pytest.raises(ModelNonsense):
        asyncio.run(FaultyModel(Writer(), Faults(nonsense=1)).ask(Prompt("write", BRIEF), answers=Letter, attempt=2))
