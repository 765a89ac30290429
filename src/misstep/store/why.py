"""How a case got where it is: every version, attempt, hand-over and undo, and whether the record can be believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from misstep.errors import AnswerIsNo, ServerUnreachable
from misstep.store.case_story import CaseStory, StoryEnding, StoryLetter, StoryVersion
from misstep.store.connect import Connection, asking
from misstep.store.read_back import read_back
from misstep.store.stored_case_id import stored_case_id
from misstep.store.verify import forgery

NEAR_MATCHES = 5

_HASH = re.compile(r"[0-9a-f]{64}")

_VERSIONS = """
SELECT workflow, epoch, state_version, agent, kind, contract, failure_reason::text, failure_detail, route, attempts,
       tries, degraded::text, latency_ms, tokens, authority, evidence, justification, payload, build, traceparent,
       prev_hash, hash, occurred_at, recorded_at, kafka_topic, kafka_partition, kafka_offset, payload::text
FROM case_turns
WHERE case_id = %s AND namespace = %s
ORDER BY workflow, epoch, state_version, occurred_at, agent, kafka_topic, kafka_partition, kafka_offset
"""
_ENDINGS = """
SELECT workflow, epoch, outcome, failure_reason, agent, detail, started_at, ended_at, turns, failures, degraded
FROM cases WHERE case_id = %s AND namespace = %s ORDER BY workflow, epoch
"""
_LETTERS = """
SELECT workflow, epoch, agent, reason::text, detail, fingerprint, attempts, first_failure, last_failure,
       dlq_topic, dlq_partition, dlq_offset, trail
FROM dead_letters WHERE case_id = %s AND namespace = %s ORDER BY workflow, epoch, last_failure, id
"""


def case_story(
    dsn: str,
    namespace: str,
    case_id: str,
    epoch: int | None = None,
    *,
    workflow: str | None = None,
    bootstrap_servers: str | None = None,
) -> CaseStory:
    """Everything the audit knows of a case, in order; of one epoch and workflow if they are given.

    With `bootstrap_servers`, each event is read back from Kafka and its hash computed again from the bytes. Raises
    AnswerIsNo when there is no such case, naming ids that begin alike, and ServerUnreachable without Postgres; without
    Kafka the story is told all the same, unverified.
    """
    stored_id = stored_case_id(case_id)
    with asking(dsn) as connection:
        rows = connection.execute(_VERSIONS, [stored_id, namespace]).fetchall()
        if not rows:
            raise AnswerIsNo(_not_found(connection, namespace, case_id))
        endings = [StoryEnding(*row) for row in connection.execute(_ENDINGS, [stored_id, namespace])]
        letters = [StoryLetter(*row) for row in connection.execute(_LETTERS, [stored_id, namespace])]

    def told(one_workflow: str, one_epoch: int) -> bool:
        return (workflow is None or one_workflow == workflow) and (epoch is None or one_epoch == epoch)

    everything = [(_version(row), row[-1]) for row in rows]
    _follow_the_links([version for version, _ in everything])
    chosen = [(version, payload) for version, payload in everything if told(version.workflow, version.epoch)]
    if not chosen:
        lives = ", ".join(f"epoch {one.epoch} of {one.workflow}" for one in endings)
        raise AnswerIsNo(f"case {case_id} has no epoch {epoch} in {workflow or 'any workflow'}; it has {lives}")
    story = CaseStory(
        namespace,
        case_id,
        [version for version, _ in chosen],
        [one for one in endings if told(one.workflow, one.epoch)],
        [one for one in letters if told(one.workflow, one.epoch)],
    )
    if bootstrap_servers is not None:
        _read_again(story, [payload for _, payload in chosen], bootstrap_servers)
    return story


def _version(row: Sequence[Any]) -> StoryVersion:
    columns = list(row[:-1])
    columns[10] = [
        (str(one[0]), timedelta(milliseconds=one[1]))
        for one in (columns[10] if isinstance(columns[10], list) else ())
        if isinstance(one, list) and len(one) == 2 and isinstance(one[1], int) and abs(one[1]) < 10**12
    ]
    if columns[12] is not None:
        columns[12] = timedelta(milliseconds=min(columns[12], 10**12))
    return StoryVersion(*columns)


def _follow_the_links(versions: list[StoryVersion]) -> None:
    """Find each version's parents by their hashes. Branches of a fork share a parent; a join has several."""
    by_hash: dict[tuple[str, str], StoryVersion] = {(one.workflow, one.hash): one for one in versions}
    for version in versions:
        named = _HASH.findall(version.prev_hash or "")
        if not named:
            version.link = "start" if version.version == 0 and not version.prev_hash else "broken"
            continue
        parents = [by_hash.get((version.workflow, one)) for one in named]
        known = [one for one in parents if one is not None and one is not version]
        version.link = "holds" if len(known) == len(named) else "broken"
        if known:
            version.since_parent = version.occurred_at - max(one.occurred_at for one in known)
        for parent in known:
            if parent.route == f"to:{version.agent}":
                version.took_over_from = parent.agent


def _read_again(story: CaseStory, payloads: Sequence[str | None], bootstrap_servers: str) -> None:
    try:
        messages = read_back(bootstrap_servers, [(one.topic, one.partition, one.offset) for one in story.versions])
    except ServerUnreachable as error:
        story.unread_because = str(error)
        return
    for version, payload in zip(story.versions, payloads, strict=True):
        message = messages[version.topic, version.partition, version.offset]
        if message is None:
            version.proof = "no longer in Kafka"
            continue
        version.proof_detail = forgery(stored_case_id(story.case_id), version, payload, message)
        version.proof = "forged" if version.proof_detail else "verified"


def _not_found(connection: Connection, namespace: str, case_id: str) -> str:
    """A sentence with ids that begin alike: the longest beginning that any id has."""
    sentence = f"no case {case_id} in namespace {namespace}"
    for length in dict.fromkeys((len(case_id), len(case_id) * 3 // 4, len(case_id) // 2, len(case_id) // 4)):
        if length < 1:
            break
        rows = connection.execute(
            "SELECT DISTINCT case_id FROM case_turns WHERE case_id LIKE %s AND namespace = %s ORDER BY 1 LIMIT %s",
            [f"{_like(case_id[:length])}%", namespace, NEAR_MATCHES],
        ).fetchall()
        if rows:
            return f"{sentence}; ids that begin alike: {', '.join(row[0] for row in rows)}"
    return f"{sentence}; has it been published, and does the audit sink run?"


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
