"""Kafka and Postgres in containers, with the settings of the embedded ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from misstep.dev.kafka_config import BROKER_SETTINGS

_KAFKA_PORT, _POSTGRES_PORT = 9092, 5432
_ADVERTISED = "/tmp/advertised"
_POSTGRES_ARGUMENTS = "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"


def docker_answers() -> bool:
    """Whether testcontainers is installed and a Docker engine answers it."""
    try:
        from testcontainers.core.docker_client import DockerClient

        return bool(DockerClient().client.ping())
    # Whatever stands in the way (not installed, no socket, no permission, a dead context), there is another way.
    except Exception:  # noqa: BLE001
        return False


@contextmanager
def kafka_container(version: str) -> Iterator[str]:
    """Bootstrap servers of an `apache/kafka` container that lives as long as the context."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    settings: dict[str, str | int] = {
        **BROKER_SETTINGS,
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": "1@localhost:9093",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://:{_KAFKA_PORT},CONTROLLER://:9093",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    container = DockerContainer(f"apache/kafka:{version}").with_exposed_ports(_KAFKA_PORT)
    for name, value in settings.items():
        container = container.with_env(environment_name(name), str(value))
    container = container.with_env("KAFKA_HEAP_OPTS", "-Xms700m -Xmx700m")
    # The broker must advertise the port that Docker maps, which is known only once the container runs: it waits for it.
    wait_and_run = (
        f"while [ ! -s {_ADVERTISED} ]; do sleep 0.1; done; "
        f'export KAFKA_ADVERTISED_LISTENERS="$(cat {_ADVERTISED})"; exec /etc/kafka/docker/run'
    )
    with container.with_command(["sh", "-c", wait_and_run]):
        address = f"{container.get_container_host_ip()}:{container.get_exposed_port(_KAFKA_PORT)}"
        container.copy_into_container(f"PLAINTEXT://{address}".encode(), _ADVERTISED)
        started = LogMessageWaitStrategy("Kafka Server started")
        started.with_startup_timeout(60)
        started.wait_until_ready(container)
        yield address


@contextmanager
def postgres_container(major: int) -> Iterator[str]:
    """DSN of the database `misstep` in a `postgres` container that lives as long as the context."""
    from testcontainers.community.postgres import PostgresContainer

    container = PostgresContainer(
        f"postgres:{major}", username="misstep", password="misstep", dbname="misstep", driver=None
    )
    with container.with_env("POSTGRES_INITDB_ARGS", _POSTGRES_ARGUMENTS):
        yield container.get_connection_url()


def environment_name(setting: str) -> str:
    """The environment variable by which the `apache/kafka` image takes a broker setting."""
    return "KAFKA_" + setting.upper().replace(".", "_")
