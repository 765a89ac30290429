"""A cluster that refuses what is not allowed: what the README says Misstep must be allowed is enough."""

from __future__ import annotations

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
from tests.cli.test_secured_cluster import work_through_the_orders
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
    work_through_the_orders(cli)
    assert cli("status", "--json").code == 0
