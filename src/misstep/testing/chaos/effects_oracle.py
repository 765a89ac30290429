"""Do the effects in the world outside match how the cases ended? Effects happen at least once, under one key a step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from misstep.testing.chaos.recording import Effect, Event, Workflow
from misstep.testing.chaos.violation import Violation

Life = tuple[str, int]


def judge_effects(
    workflow: Workflow,
    outcomes: Mapping[Life, Event],
    undone: Mapping[Life, Sequence[Event]],
    effects: Iterable[Effect],
    loose: set[str],
) -> Iterator[Violation]:
    """Violations of the rules about effects. Cases that were brought back are judged by their keys alone."""
    keys: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
    for effect in effects:
        if effect.workflow == workflow.topics.workflow:
            keys[effect.case_id][effect.what, effect.step].add(effect.key)
    for case, of_case in keys.items():
        for (what, step), used in of_case.items():
            if len(used) > 1:
                yield Violation("effect twice", case, f"{what} {step} under {sorted(used)}")
    again = {case for case, epoch in outcomes if epoch > 0}
    for (case, epoch), ending in outcomes.items():
        if case in again or case in loose:
            continue
        did = {step for (what, step) in keys[case] if what == "do"}
        took_back = {step for (what, step) in keys[case] if what == "undo"}
        events = undone.get((case, epoch), ())
        said_undone = {event.text("ce_agent") for event in events if event.text("ce_failurereason") == "ok"}
        said_failed = {event.text("ce_agent") for event in events} - said_undone
        word = _word(ending)
        missing = (workflow.effects - did) if word == "completed" else set()
        missing |= (said_undone & workflow.undone) - took_back
        if missing:
            text = f"it ended {word}, and {', '.join(sorted(missing))} left no effect"
            yield Violation("effect missing", case, text)
        left = took_back - said_undone - said_failed  # undone without saying so
        if left:
            yield Violation("effect left", case, f"{', '.join(sorted(left))} was undone, and it ended {word}")
        stands = did - took_back
        if word == "compensated" and stands:
            yield Violation("effect left", case, f"{', '.join(sorted(stands))} stands, and it ended {word}")
        if word == "partly_compensated" and not said_failed:
            yield Violation("effect left", case, f"it ended {word}, and no undo failed")


def _word(ending: Event) -> str:
    try:
        return str(orjson.loads(ending.value or b"")["outcome"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "?"
