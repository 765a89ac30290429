"""What a process had before it is suspected when it died at its work, and not when its client was to blame."""

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from misstep.bus.progress import unpack
from misstep.bus.takeover import Place, Takeover
from tests.worker.conftest import Site
from tests.worker.score import Order


def signed(site: Site, agent: str) -> dict[Place, str]:
    """Which process has signed for each partition that an agent reads."""
    name = site.topics.group(agent)
    admin = AdminClient({"bootstrap.servers": site.kafka})
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name].result(10)
    signs = {(at.topic, at.partition): unpack(at.offset, at.metadata) for at in found.topic_partitions or []}
    return {place: progress.incarnation for place, progress in signs.items() if progress.incarnation}


def test_only_who_died_at_its_work_leaves_suspicion_behind(site: Site) -> None:
    site.publish([Order(number=number) for number in range(20)])
    process = site.processes[site.start("test-0")]
    site.wait_for_outcomes(20)
    process.kill()
    process.wait(10)
    places = signed(site, "read")
    assert places

    def suspected(*blameless: str) -> set[Place]:
        takeover = Takeover(site.kafka, f"{site.namespace}.test-0", lambda: False, blameless=blameless)
        found = takeover.claim(site.topics.group("read"), places, lambda: None)
        return {place for place, progress in found.items() if progress.suspicion.until}

    assert suspected() == set(places)
    assert suspected("another") == set(places)
    assert suspected(*places.values()) == set()
