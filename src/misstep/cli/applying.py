"""Bringing topics, contracts and tables to what a project declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from confluent_kafka.admin import AdminClient

from misstep.bus.provision import (
    Change,
    TopicSpec,
    apply_topics,
    connect,
    plan_topics,
    publish_schemas,
    shared_topics,
    workflow_topics,
)
from misstep.cli.contracts_there import contracts_there, refuse_changed
from misstep.composition import Environment
from misstep.contracts import Contract, Escalated, Outcome, SchemaRecord
from misstep.contracts.failure import REASONS
from misstep.contracts.locked import locked_records
from misstep.errors import UsageError
from misstep.store.connect import asking
from misstep.store.migrate import migrate, pending
from misstep.store.migration_files import engine_migrations
from misstep.store.reasons import ensure_reasons, known_reasons

EMBEDDED_PARTITIONS = 2
"""A transaction's price is the partitions that it touches: 2 are enough for one machine."""
REPLICATION_MAX = 3
KAFKA_PATIENCE_S = 5.0


@dataclass
class Applied:
    """What `apply` did, or would do, and how much there is in all."""

    changes: list[Change] = field(default_factory=list)
    topics: int = 0
    contracts: int = 0
    migrations: int = 0


def apply(env: Environment, *, dry_run: bool = False, say: Callable[[Change], None] = lambda change: None) -> Applied:
    """Make everything as the project declares it, or only find out what differs. Idempotent.

    `say` is told each change when it is made. Raises UsageError for what cannot be made so (another number of
    partitions, a contract that was changed under its version), ServerUnreachable.
    """
    done = Applied()

    def note(changes: Sequence[Change]) -> None:
        done.changes += changes
        for change in changes:
            say(change)

    plans = env.plans
    admin = connect(env.bootstrap, KAFKA_PATIENCE_S)
    dsn = env.dsn
    also = migration_rooms(env.project.root, list(plans))
    waiting = pending(dsn, also=also)  # before anything is changed: is Postgres there?

    wanted = wanted_topics(env, admin)
    done.topics = len(wanted)
    records = contract_records(env)
    done.contracts = len(records)
    there = contracts_there(env.bootstrap, env.settings.namespace)
    refuse_changed(env.settings.namespace, records, there)
    missing = [record for record in records if record.sha256 not in there]

    replication = min(REPLICATION_MAX, len(admin.list_topics(timeout=KAFKA_PATIENCE_S).brokers))
    note(plan_topics(admin, wanted) if dry_run else apply_topics(admin, wanted, replication))
    if missing and not dry_run:
        publish_schemas(env.bootstrap, env.settings.namespace, missing)
    note([Change("publish contract", f"{one.name}@{one.version}", one.sha256[:12]) for one in missing])

    done.migrations = sum(len(list(room.glob("*.sql"))) for room in (engine_migrations(), *also))
    note([Change("apply migration", name) for name in (waiting if dry_run else migrate(dsn, also=also))])
    own = own_reasons(env)
    note([Change("add failure reason", name) for name in (_missing(dsn, own) if dry_run else ensure_reasons(dsn, own))])
    return done


def wanted_topics(env: Environment, admin: AdminClient) -> list[TopicSpec]:
    """Every topic of the project. A workflow that has topics keeps their number of partitions, unless one is set."""
    there = admin.list_topics(timeout=KAFKA_PATIENCE_S).topics
    specs = shared_topics(env.settings.namespace)
    for plan in env.plans.values():
        topics = env.topics(plan.workflow)
        partitions = _partitions(env)
        if "partitions" not in env.settings.model_fields_set and topics.cases in there:
            partitions = len(there[topics.cases].partitions)
        keep_ms = env.project.letters_of(plan.workflow).keep_ms
        specs += [
            replace(spec, retention_ms=keep_ms) if spec.name == topics.dlq else spec
            for spec in workflow_topics(topics, list(plan.agents), plan.joins, partitions)
        ]
    return specs


def _partitions(env: Environment) -> int:
    if "partitions" not in env.settings.model_fields_set and env.settings.kafka is None:
        return EMBEDDED_PARTITIONS
    return env.settings.partitions


def migration_rooms(root: Path, workflows: Sequence[str]) -> list[Path]:
    """The project's own migrations: `migrations/<workflow>/`. UsageError when two files have one name."""
    rooms = [room for name in workflows if (room := root / "migrations" / name).is_dir()]
    named: dict[str, Path] = {path.stem: path for path in engine_migrations().glob("*.sql")}
    for path in (path for room in rooms for path in sorted(room.glob("*.sql"))):
        if path.stem in named:
            raise UsageError(
                f"Migration {path.relative_to(root)} has the name of {named[path.stem].name} in "
                f"{named[path.stem].parent}: a migration is known by its file's name, so give it another."
            )
        named[path.stem] = path
    return rooms


def contract_records(env: Environment) -> list[SchemaRecord]:
    """What readers may have to look up: the project's contracts, the engine's, and locked ones whose class is gone."""
    declared: list[type[Contract]] = [*env.project.contracts, Escalated, Outcome]
    declared += [contract for plan in env.plans.values() for contract in plan.contracts]
    records = [SchemaRecord.of(contract) for contract in declared]
    records += locked_records(env.project.root / "contracts" / "locked")
    return list({record.sha256: record for record in reversed(records)}.values())[::-1]


def own_reasons(env: Environment) -> list[str]:
    """The failure reasons that the project's workflows bring with them."""
    used = (reason for plan in env.plans.values() for agent in plan.agents.values() for reason in agent.chains)
    return [reason for reason in dict.fromkeys(used) if reason not in REASONS]


def _missing(dsn: str, reasons: Sequence[str]) -> list[str]:
    if not reasons:
        return []
    try:
        with asking(dsn) as connection:
            known = known_reasons(connection)
    except UsageError:  # not a table yet: the migrations come first
        known = []
    return [reason for reason in reasons if reason not in known]
