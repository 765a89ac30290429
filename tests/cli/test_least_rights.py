"""A cluster that refuses what is not allowed: what the README says Misstep must be allowed is enough."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from misstep.testing.chaos.cluster import Cluster
from tests.cli.conftest import at
from tests.cli.test_new import read_json
from tests.conftest import Servers

TOLD = {
    ResourceType.TOPIC: ["CREATE", "DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"],
    ResourceType.GROUP: ["DESCRIBE", "READ"],
    ResourceType.TRANSACTIONAL_ID: ["DESCRIBE", "WRITE"],
}
"""What the README says: of all whose names begin with the namespace and a dot; of groups, with `misstep-` too."""


@pytest.fixture(scope="module")
def strict(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Servers, AdminClient]]:
    """One broker on which nothing is allowed but what an ACL allows, and an admin client that may do everything."""
    cluster = Cluster(tmp_path_factory.mktemp("strict"), size=1, settings={"allow.everyone.if.no.acl.found": "false"})
    try:
        cluster.start()
        yield Servers(cluster.bootstrap, servers.postgres), AdminClient(cluster.insider)
    finally:
        cluster.close()


def allow(admin: AdminClient, namespace: str) -> None:
    """Allow what the README says."""
    wanted = [(kind, f"{namespace}.", name) for kind, names in TOLD.items() for name in names]
    wanted += [(ResourceType.GROUP, "misstep-", name) for name in TOLD[ResourceType.GROUP]]
    acls = [
        AclBinding(
            kind,
            prefix,
            ResourcePatternType.PREFIXED,
            "User:ANONYMOUS",
            "*",
            AclOperation[name],
            AclPermissionType.ALLOW,
        )
        for kind, prefix, name in wanted
    ]
    for done in admin.create_acls(acls).values():
        done.result(15)


def test_what_the_readme_asks_for_is_enough(strict: tuple[Servers, AdminClient], project: Path, tmp_path: Path) -> None:
    on, admin = strict
    cli = at(on, project, tmp_path)
    refused = cli("apply")
    assert refused.code != 0
    assert refused.sentence
    allow(admin, cli.namespace)
    applied = cli("apply", "--json")
    assert applied.code == 0, applied.err
    run = cli.start("run", "--level", "warning", "--json")
    try:
        assert read_json(run)["workers"] == 1
        published = cli("publish", "orders", "examples/orders.jsonl", "--wait", "--timeout", "60s", "--json")
        assert published.code == 0, published.out + published.err
        failed = cli(
            "publish", "orders", "-", "--wait", "--timeout", "60s", stdin=b'{"case_id": "odd-1", "text": "as always"}'
        )
        assert "escalated" in failed.out, failed.err
        assert cli("why", "odd-1", "--json").json["verified"] is True
        assert cli("status", "--json").code == 0
    finally:
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0, run.communicate()[1]
