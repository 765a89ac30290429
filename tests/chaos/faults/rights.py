"""An ACL that is taken away and given back."""

from __future__ import annotations

import random

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from misstep.testing.chaos import Fault
from tests.chaos.site import Site

US = "User:ANONYMOUS"


class _RightTaken(Fault[Site]):
    touches = frozenset({"rights", "brokers"})  # without brokers it could not be given back
    seconds = 9.0
    taken: AclOperation

    def topic(self, site: Site, chance: random.Random) -> str:
        workflow = chance.choice(site.workflows)
        return chance.choice([workflow.topics.agent(name) for name in workflow.agents] + [workflow.topics.outcomes])

    def start(self, site: Site, chance: random.Random) -> str:
        topic = self.topic(site, chance)
        kept = {AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE} - {self.taken}
        acls = [self._acl(topic, operation, AclPermissionType.ALLOW) for operation in kept]
        acls.append(self._acl(topic, self.taken, AclPermissionType.DENY))
        admin = site.cluster.admin()  # kept: its answers are lost with it
        for done in admin.create_acls(acls).values():
            done.result(15)
        return f"{self.taken.name.lower()} on {topic}"

    @staticmethod
    def _acl(topic: str, operation: AclOperation, permission: AclPermissionType) -> AclBinding:
        return AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, US, "*", operation, permission)

    def end(self, site: Site) -> None:
        everything = AclBindingFilter(
            ResourceType.TOPIC, None, ResourcePatternType.ANY, US, None, AclOperation.ANY, AclPermissionType.ANY
        )
        admin = site.cluster.admin()
        for done in admin.delete_acls([everything]).values():
            done.result(15)


class MayNotWrite(_RightTaken):
    name = "acl-write"
    what = "our right to write a topic is taken away and given back"
    taken = AclOperation.WRITE


class MayNotRead(_RightTaken):
    name = "acl-read"
    what = "our right to read a topic is taken away and given back"
    taken = AclOperation.READ
