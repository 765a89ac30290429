"""What must hold of a recording. Plain functions: the same recording gives the same violations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from misstep.contracts.event import hash_of, hash_of_bare_case
from misstep.store.stored_case_id import stored_case_id
from misstep.testing.chaos.effects_oracle import judge_effects
from misstep.testing.chaos.recording import Event, Place, Recording, Workflow
from misstep.testing.chaos.violation import Violation

SHOWN = 8


def judge(recording: Recording) -> list[Violation]:
    """Every violation, in the order of RULES within each workflow; an empty list when all promises hold."""
    found: list[Violation] = []
    ours = [event for event in recording.final if event.place not in recording.foreign]
    for workflow in recording.workflows:
        log = Log(workflow, ours, recording)
        for rule in (
            _endings,
            _identities,
            _chains,
            _orders,
            _undos,
        ):
            found += rule(log)
        found += judge_effects(workflow, log.outcomes(), log.undone(), recording.effects, recording.loose)
        found += _audit(log, recording)
        found += _letters(workflow, recording)
    found += _what_the_reader_saw(recording)
    return found


class Log:
    """One workflow's events, by what they are looked up by."""

    def __init__(self, workflow: Workflow, events: Iterable[Event], recording: Recording) -> None:
        self.workflow = workflow
        self.recording = recording
        wanted = set(workflow.read_topics())
        self.by_topic: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            if event.place.topic in wanted:
                self.by_topic[event.place.topic].append(event)
        self.at = {event.place: event for topic in self.by_topic.values() for event in topic}
        self.states = [event for topic in workflow.state_topics() for event in self.by_topic[topic]]

    def outcomes(self) -> dict[tuple[str, int], Event]:
        """The ending of each life; the first, where there are several."""
        found: dict[tuple[str, int], Event] = {}
        for event in self.by_topic[self.workflow.topics.outcomes]:
            found.setdefault(event.life, event)
        return found

    def undone(self) -> dict[tuple[str, int], list[Event]]:
        """The undo events of each life, in order, without the command that begins them."""
        found: dict[tuple[str, int], list[Event]] = defaultdict(list)
        for event in sorted(self.by_topic[self.workflow.topics.undo], key=lambda one: one.number("ce_stateversion")):
            if event.text("ce_agent") != "undo":
                found[event.life].append(event)
        return found


def described(events: Iterable[Event]) -> tuple[str, ...]:
    """Events in a few words each, for a report."""
    return tuple(
        f"{event.place} {event.text('ce_id') or 'no id'} {event.text('ce_failurereason')} "
        f"{event.text('ce_route')} hash={event.text('ce_hash')[:12]} build={event.text('ce_build')} "
        f"time={event.text('ce_time')}"
        for event in list(events)[:SHOWN]
    )


def _endings(log: Log) -> Iterator[Violation]:
    name = log.workflow.topics.workflow
    published = {event.case_id for event in log.by_topic[log.workflow.topics.cases]}
    ended: dict[tuple[str, int], list[Event]] = defaultdict(list)
    for event in log.by_topic[log.workflow.topics.outcomes]:
        ended[event.life].append(event)
    cases = {case for case, _ in ended}
    due = {case for case, workflow in log.recording.acknowledged.items() if workflow == name} | published
    last: dict[str, list[Event]] = defaultdict(list)
    for case in sorted(due - cases - log.recording.loose):
        if not last:
            for event in log.at.values():
                last[event.case_id].append(event)
        text = "it was acknowledged and has no outcome" if case in published else "it was acknowledged and is not there"
        yield Violation("lost", case, text, described(last[case]))
    for (case, epoch), events in ended.items():
        if len(events) > 1:
            yield Violation("two endings", case, f"{len(events)} outcomes in epoch {epoch}", described(events))
    for case in sorted(cases - due - log.recording.loose):
        events = [event for event in log.at.values() if event.case_id == case]
        yield Violation("made up", case, "it ended and nobody published it", described(events))


def _identities(log: Log) -> Iterator[Violation]:
    seen: dict[tuple[str, int, int, str], list[Event]] = defaultdict(list)
    for event in log.states:
        seen[event.identity].append(event)
    for (case, epoch, version, agent), events in seen.items():
        if len(events) > 1:
            text = f"{len(events)} events of version {version} by {agent} in epoch {epoch}"
            yield Violation("twice", case, text, described(events))


def _chains(log: Log) -> Iterator[Violation]:
    topics = log.workflow.topics
    hashes: dict[str, set[bytes]] = defaultdict(set)
    for event in log.by_topic[topics.cases]:
        hashes[event.case_id].add(event.headers.get("ce_hash", b""))
        hashes[event.case_id].add(hash_of_bare_case(topics.workflow, event.case_id, event.value))
    for event in log.states:
        hashes[event.case_id].add(event.headers.get("ce_hash", b""))
    for event in log.states:
        case = event.case_id
        if hash_of(event.headers, event.value) != event.headers.get("ce_hash"):
            yield Violation("forged", case, "its hash is not what it says", described([event]))
        if case in log.recording.loose:
            continue
        parents = set(event.headers.get("ce_prevhash", b"").split(b","))  # several where branches meet
        if not parents <= hashes[case]:
            yield Violation("broken chain", case, "it follows an event that is not there", described([event]))
        yield from _history(log, event)


def _history(log: Log, event: Event) -> Iterator[Violation]:
    case = event.case_id
    try:
        steps = orjson.loads(event.headers.get("ce_history", b""))
        versions = [step[1] for step in steps]
    except (orjson.JSONDecodeError, TypeError, IndexError):
        yield Violation("history", case, "its history cannot be read", described([event]))
        return
    # Branches of a fork share numbers.
    if versions != sorted(versions) or set(versions) != set(range(event.number("ce_stateversion"))):
        yield Violation("version step", case, f"{versions} before {event.text('ce_id')}", described([event]))
    for agent, version, partition, offset, reason in steps:
        if offset < 0:  # written in the transaction of what follows, before its offset was known
            continue
        place = Place(log.workflow.topics.of_step(agent, reason), partition, offset)
        parent = log.at.get(place)
        if parent is None or parent.case_id != case or (version and parent.number("ce_stateversion") != version):
            what = "nothing" if parent is None else f"version {parent.text('ce_stateversion')} of {parent.case_id}"
            text = f"it says that version {version} by {agent} stands at {place}, where there is {what}"
            yield Violation("history", case, text, described([event, *([parent] if parent else [])]))


def _orders(log: Log) -> Iterator[Violation]:
    partition_of: dict[str, int] = {}
    highest: dict[tuple[str, int, str], Event] = {}
    for event in log.by_topic[log.workflow.topics.cases]:
        partition_of.setdefault(event.case_id, event.place.partition)
    for event in sorted(log.states, key=lambda one: one.place):
        case = event.case_id
        if partition_of.setdefault(case, event.place.partition) != event.place.partition:
            text = f"it is in partition {event.place.partition}, its case in {partition_of[case]}"
            yield Violation("strayed", case, text, described([event]))
        before = highest.get((event.place.topic, event.place.partition, case))
        standing = (event.life[1], event.number("ce_stateversion"))
        if before is not None and (before.life[1], before.number("ce_stateversion")) > standing:
            yield Violation("order", case, "an older version stands behind a newer one", described([before, event]))
        highest[event.place.topic, event.place.partition, case] = event
    ended = log.outcomes()
    for event in log.states:
        ending = ended.get(event.life)
        if ending is None or event.place.topic == log.workflow.topics.outcomes or event.case_id in log.recording.loose:
            continue
        if event.number("ce_stateversion") >= ending.number("ce_stateversion") >= 0:
            text = f"version {event.text('ce_stateversion')} beside the outcome, {ending.text('ce_stateversion')}"
            yield Violation("after the end", event.case_id, text, described([ending, event]))


def _undos(log: Log) -> Iterator[Violation]:
    done: dict[tuple[str, int, str], int] = {}
    for event in log.states:
        if event.place.topic != log.workflow.topics.undo:
            key = (*event.life, event.text("ce_agent"))
            done[key] = max(done.get(key, -1), event.number("ce_stateversion"))
    for (case, epoch), events in log.undone().items():
        if case in log.recording.loose:
            continue
        agents = [event.text("ce_agent") for event in events]
        for agent in sorted({agent for agent in agents if agents.count(agent) > 1}):
            text = f"{agent} is undone {agents.count(agent)} times in epoch {epoch}"
            shown = described(event for event in events if event.text("ce_agent") == agent)
            yield Violation("undone twice", case, text, shown)
        versions = [done.get((case, epoch, agent), -1) for agent in agents]
        if versions != sorted(versions, reverse=True):
            text = f"{', '.join(agents)}, whose versions are {versions}"
            yield Violation("undo order", case, text, described(events))


def _audit(log: Log, recording: Recording) -> Iterator[Violation]:
    audited = set(log.workflow.audited_topics())
    events = {event.place: event for event in recording.final if event.place.topic in audited}
    rows = {}
    for row in recording.rows:
        if row.place.topic not in audited:
            continue
        if row.place in rows:
            yield Violation("audit made up", row.case_id, f"two rows of {row.place}")
        rows[row.place] = row
    for place in sorted(events.keys() - rows.keys()):
        yield Violation("audit missing", events[place].case_id, f"no row of {place}", described([events[place]]))
    for place in sorted(rows.keys() - events.keys()):
        yield Violation("audit made up", rows[place].case_id, f"a row of {place}, where there is no event")
    for place in sorted(rows.keys() & events.keys()):
        if place in recording.foreign:
            continue
        event, row = events[place], rows[place]
        if event.place.topic == log.workflow.topics.cases and "ce_hash" not in event.headers:
            continue
        said = (
            stored_case_id(event.case_id),
            *event.identity[1:],
            event.text("ce_failurereason"),
            event.text("ce_prevhash"),
            event.text("ce_hash"),
        )
        wrote = (row.case_id, row.epoch, row.version, row.agent, row.reason, row.previous, row.hash)
        if said != wrote:
            yield Violation("audit differs", event.case_id, f"{place}: {said} is stored as {wrote}", described([event]))


def _letters(workflow: Workflow, recording: Recording) -> Iterator[Violation]:
    topic = workflow.topics.dlq
    there = {event.place: event for event in recording.final if event.place.topic == topic}
    rows = [place for place in recording.letters if place.topic == topic]
    for place in sorted(there.keys() - set(rows)):
        yield Violation("letter missing", there[place].case_id, f"no row of {place}", described([there[place]]))
    for place in sorted(place for place in set(rows) if place not in there or rows.count(place) > 1):
        yield Violation("letter made up", "", f"{rows.count(place)} rows of {place}, {place in there:d} letters")


def _what_the_reader_saw(recording: Recording) -> Iterator[Violation]:
    final = {event.place: event for event in recording.final}
    digests = {place: event.digest() for place, event in final.items()}
    seen: dict[Place, Event] = {}
    for event in recording.live:
        seen[event.place] = event
        if digests.get(event.place) != event.digest():
            there = final.get(event.place)
            text = f"a reader saw it at {event.place}, where there is {'another' if there else 'nothing'} at the end"
            yield Violation("phantom", event.case_id, text, described([event, *([there] if there else [])]))
    for place in sorted(final.keys() - seen.keys()):
        text = f"a reader that has been past {place} has not seen it"
        yield Violation("behind the reader", final[place].case_id, text, described([final[place]]))


def counts(recording: Recording) -> Mapping[str, Mapping[str, int]]:
    """How many cases of each workflow ended how."""
    counted: dict[str, dict[str, int]] = {}
    for workflow in recording.workflows:
        own = counted.setdefault(workflow.topics.workflow, {})
        for event in recording.final:
            if event.place.topic == workflow.topics.outcomes and event.place not in recording.foreign:
                word = outcome_of(event)
                own[word] = own.get(word, 0) + 1
    return counted


def outcome_of(event: Event) -> str:
    """How a case ended, by its terminal event; `?` when that cannot be read."""
    try:
        return str(orjson.loads(event.value or b"")["outcome"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "?"


def by_rule(violations: Sequence[Violation]) -> dict[str, int]:
    """How often each rule is broken."""
    counted: dict[str, int] = {}
    for violation in violations:
        counted[violation.rule] = counted.get(violation.rule, 0) + 1
    return counted
