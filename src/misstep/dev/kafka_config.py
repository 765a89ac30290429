"""What the embedded broker is told: its properties and its logging."""

from pathlib import Path

from misstep.dev.ports import HOST

# Everything that does not depend on where the broker listens; docker-compose.yml and the test containers say the same.
BROKER_SETTINGS: dict[str, str | int] = {
    # A mistyped topic would be created in 50 ms, with the default partition count.
    "auto.create.topics.enable": "false",
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # 50 each by default: a start loads every one of them, and a laptop has few groups.
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    # After kill -9 the controller admits the broker's successor only when the dead one's session is over: with the
    # default of 9 s a restart took 11.7 s.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    # How soon an open transaction of a dead producer stops hiding what is behind it.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    # The same session and heartbeat under the consumer protocol as our consumers ask for under the classic one.
    "group.consumer.session.timeout.ms": 6000,
    "group.consumer.min.session.timeout.ms": 6000,
    "group.consumer.heartbeat.interval.ms": 1000,
    "group.consumer.min.heartbeat.interval.ms": 1000,
}


def server_properties(*, log_dir: Path, port: int, controller_port: int) -> str:
    """The broker's properties: one node, broker and controller, on 127.0.0.1 alone."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        # Static voters: they are read at each start, so the controller may take another port every time.
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": _escaped(log_dir),
        **BROKER_SETTINGS,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _escaped(path: Path) -> str:
    # In a Java properties file the backslash escapes.
    return str(path).replace("\\", "\\\\")


def log4j2_properties() -> str:
    """Warnings and errors to standard output, which goes to the log file; stack traces below their line."""
    return """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n%throwable
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
