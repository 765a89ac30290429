"""The composition root: from settings to parts that work together. Nothing else reads settings or opens connections."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from misstep.agents.plan import AgentPlan, Plan
from misstep.agents.traces_wanted import open_traces
from misstep.agents.worker.metrics import Metrics
from misstep.agents.worker.watchdog import Watchdog
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.bus.connection import connect_with, connection_settings
from misstep.bus.registry import KafkaSchemas
from misstep.bus.topics import Topics
from misstep.dev.state import ServerState
from misstep.errors import ServerUnreachable, UsageError
from misstep.saga.compile import compile_plan
from misstep.saga.rooms import Project, find_project, load_project
from misstep.settings import Settings


@dataclass
class Environment:
    """One project in one namespace on one pair of servers."""

    settings: Settings
    root: Path | None = None
    """The project's directory; None: found upwards from the working directory."""

    @cached_property
    def project(self) -> Project:
        return load_project(self.root if self.root is not None else find_project())

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """Every workflow of the project, compiled."""
        return {name: compile_plan(score) for name, score in self.project.choreographies.items()}

    def plan(self, workflow: str) -> Plan:
        """One workflow. UsageError when the project has none of that name."""
        if workflow not in self.plans:
            known = ", ".join(self.plans) or "none"
            raise UsageError(f"There is no workflow {workflow!r} in {self.project.root}/saga; there is: {known}.")
        return self.plans[workflow]

    def topics(self, workflow: str) -> Topics:
        return Topics(self.settings.namespace, workflow)

    @property
    def data(self) -> Path:
        """Directory of the embedded servers, slots and logs."""
        given = self.settings.data
        if given.is_absolute():
            return given
        try:
            return (self.root if self.root is not None else find_project()) / given
        except UsageError:
            return Path.cwd() / given

    @cached_property
    def bootstrap(self) -> str:
        """Kafka's bootstrap servers; from then on this process's clients know how to sign on there. ServerUnreachable
        when none are given and the embedded broker is not up; UsageError when the client settings are wrong."""
        if self.settings.kafka:
            if self.settings.kafka_config is not None:
                connect_with(connection_settings(self.settings.kafka_config))
            return self.settings.kafka
        if self.settings.kafka_config is not None:
            raise UsageError("MISSTEP_KAFKA_CONFIG is about a cluster of your own; say with MISSTEP_KAFKA where it is.")
        state = self._servers()
        if state.kafka.state != "up" or state.kafka.bootstrap_servers is None:
            raise ServerUnreachable(
                "Kafka is not running; start it with `misstep up`, or set MISSTEP_KAFKA to your cluster's host:port."
            )
        return state.kafka.bootstrap_servers

    @cached_property
    def dsn(self) -> str:
        """Postgres's DSN. ServerUnreachable when none is given and the embedded server is not up."""
        if self.settings.postgres:
            return self.settings.postgres
        state = self._servers()
        if state.postgres.state != "up" or state.postgres.dsn is None:
            raise ServerUnreachable(
                "Postgres is not running; start it with `misstep up`, or set MISSTEP_POSTGRES to your server's DSN."
            )
        return state.postgres.dsn

    @property
    def dsn_if_known(self) -> str | None:
        """Postgres's DSN, also while the server does not answer; None when it has none yet."""
        return self.settings.postgres or self._servers().postgres.dsn

    def _servers(self) -> ServerState:
        from misstep.dev.servers import status  # only who uses the embedded servers loads what starts them

        return status(self.data)

    @cached_property
    def build(self) -> str:
        """Version of the code that runs: MISSTEP_BUILD, else the project's git commit, else `unversioned`."""
        return self.settings.build or git_commit(self.project.root) or "unversioned"

    def child_environment(self) -> dict[str, str]:
        """What a child process needs to come to the same environment, whether Postgres answers or not."""
        dsn = self.dsn_if_known
        return {
            **({"MISSTEP_POSTGRES": dsn} if dsn else {}),
            "MISSTEP_NAMESPACE": self.settings.namespace,
            "MISSTEP_KAFKA": self.bootstrap,
            **({"MISSTEP_KAFKA_CONFIG": str(config.absolute())} if (config := self.settings.kafka_config) else {}),
            "MISSTEP_DATA": str(self.data),
            "MISSTEP_BUILD": self.build,
            "MISSTEP_PROJECT": str(self.project.root),
            "MISSTEP_PARTITIONS": str(self.settings.partitions),
        }

    def hosted(self, selection: Sequence[str] = ()) -> list[tuple[Plan, AgentPlan]]:
        """The agents that `WORKFLOW` and `WORKFLOW/AGENT` name; all without a selection."""
        if not selection:
            return [(plan, agent) for plan in self.plans.values() for agent in plan.agents.values()]
        chosen: list[tuple[Plan, AgentPlan]] = []
        for wanted in selection:
            workflow, _, name = wanted.partition("/")
            plan = self.plan(workflow)
            if name and name not in plan.agents:
                raise UsageError(f"Workflow {workflow} has no agent {name!r}; it has {', '.join(plan.agents)}.")
            chosen += [(plan, agent) for agent in plan.agents.values() if not name or agent.name == name]
        return chosen

    def worker(
        self,
        slot: str,
        selection: Sequence[str] = (),
        *,
        seam: Callable[[str], None] = lambda name: None,
        metrics: Metrics | None = None,
        coordinate: Literal["too", "no", "only"] = "too",
        carry: bool = True,
        blameless: Iterable[str] = (),
    ) -> Worker:
        """A worker in a slot that the caller holds. coordinate: whether it also, or only, begins to take cases back.
        carry: whether turns go on in the transaction of the turn before, where they can. blameless: see
        WorkerSettings."""
        hosted = self.hosted(selection)
        wiring = self.project.wiring
        for plan in {plan.workflow: plan for plan, _ in hosted}.values():
            wiring.check(plan)
        settings = WorkerSettings(
            self.bootstrap,
            self.settings.namespace,
            slot,
            self.build,
            postgres=self.dsn_if_known,
            carry=carry,
            seam=seam,
            blameless=frozenset(blameless),
        )
        schemas = KafkaSchemas(self.bootstrap, self.settings.namespace, settings.transactional_id)
        resource = {
            "service.namespace": self.settings.namespace,
            "service.version": self.build,
            "service.instance.id": slot,
        }
        plans = [plan for plan, _ in hosted]
        traces = open_traces(self.settings.otlp, os.environ, resource, plans)
        coordinating = list({plan.workflow: plan for plan in plans}.values()) if coordinate != "no" else []
        return Worker(
            settings,
            hosted if coordinate != "only" else [],
            wiring,
            schemas,
            metrics,
            traces=traces,
            coordinating=coordinating,
        )

    def watchdog(self, workflows: Sequence[str]) -> Watchdog:
        """The watchdog over the deadlines of these workflows."""
        namespace = self.settings.namespace
        plans = [self.plan(name) for name in workflows]
        schemas = KafkaSchemas(self.bootstrap, namespace, f"{namespace}.watchdog.schemas")
        return Watchdog(self.bootstrap, self.dsn, namespace, plans, self.build, schemas)


def git_commit(directory: Path) -> str | None:
    """Short hash of the commit that is checked out, with `+` when files differ from it; None without git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None


def environment(**overrides: object) -> Environment:
    """The environment that the process's variables describe; `overrides` (settings by name) win when not None."""
    root = os.environ.get("MISSTEP_PROJECT")
    given = {name: value for name, value in overrides.items() if value is not None}
    return Environment(Settings(**given), Path(root) if root else None)  # type: ignore[arg-type]
