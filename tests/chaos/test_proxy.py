"""The proxy does to a connection what it is told, and nothing else."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from misstep.dev.ports import HOST, free_port
from misstep.testing.chaos import Proxy, Rule

WAIT_S = 0.3


def request(kind: int, correlation: int, client: bytes = b"us") -> bytes:
    frame = struct.pack(f">hhih{len(client)}s", kind, 0, correlation, len(client), client)
    return struct.pack(">i", len(frame)) + frame


def answer_to(correlation: int) -> bytes:
    return struct.pack(">ii4s", 8, correlation, b"done")


class Broker:
    """Answers each request with its correlation id."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.asked: list[int] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        while size := stream.read(4):
            frame = stream.read(int.from_bytes(size))
            self.asked.append(int.from_bytes(frame[4:8]))
            try:
                connection.sendall(answer_to(self.asked[-1]))
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def proxy(broker: Broker) -> Iterator[tuple[Proxy, int]]:
    proxy, port = Proxy(), free_port()
    proxy.listen(1, port, broker.port)
    yield proxy, port
    proxy.close()


def ask(connection: socket.socket, kind: int, correlation: int, client: bytes = b"us") -> None:
    connection.sendall(request(kind, correlation, client))


def answered(connection: socket.socket, timeout_s: float = 5.0) -> bytes | None:
    """The next answer; empty when the connection ended, None when nothing came."""
    connection.settimeout(timeout_s)
    try:
        return connection.recv(12)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


def connected(port: int, client: bytes = b"us") -> socket.socket:
    """A connection that has been used once."""
    connection = socket.create_connection((HOST, port))
    ask(connection, 3, 1, client)
    assert answered(connection) == answer_to(1)
    return connection


def test_what_is_silenced_one_way_arrives_when_it_is_over(broker: Broker, proxy: tuple[Proxy, int]) -> None:
    rules, port = proxy
    for number, way in ((10, "to_broker"), (20, "from_broker"), (30, "both")):
        with connected(port) as connection:
            rules.impose("cut", Rule(silence=way))  # type: ignore[arg-type]
            ask(connection, 3, number)
            assert answered(connection, WAIT_S) is None
            assert (number in broker.asked) == (way == "from_broker")
            rules.lift("cut")
            assert answered(connection) == answer_to(number)


def test_a_rule_for_one_client_leaves_the_others_alone(proxy: tuple[Proxy, int]) -> None:
    rules, port = proxy
    with connected(port, b"them-0") as them, connected(port, b"us-0") as us:
        rules.impose("cut", Rule(client="them", silence="both"))
        ask(them, 3, 2)
        ask(us, 3, 2)
        assert answered(us) == answer_to(2)
        assert answered(them, WAIT_S) is None


def test_a_rule_for_another_node_does_nothing(proxy: tuple[Proxy, int]) -> None:
    rules, port = proxy
    rules.impose("cut", Rule(frozenset({2}), refuse=True))
    connected(port).close()


def test_refused_connections_are_reset_and_new_ones_too(proxy: tuple[Proxy, int]) -> None:
    rules, port = proxy
    with connected(port) as connection:
        rules.impose("away", Rule(refuse=True))
        assert answered(connection) == b""
    with socket.create_connection((HOST, port)) as another:
        ask(another, 3, 2)
        assert answered(another) == b""
    rules.lift("away")
    connected(port).close()


def test_the_answer_to_one_kind_of_request_is_lost_and_the_broker_had_heard_it(
    broker: Broker, proxy: tuple[Proxy, int]
) -> None:
    rules, port = proxy
    rules.impose("lost", Rule(lose=26, at_most=1))
    with connected(port) as connection:
        ask(connection, 26, 5)
        assert answered(connection) == b""
    assert broker.asked == [1, 5]
    assert rules.lost == 1
    with connected(port) as connection:
        ask(connection, 26, 6)
        assert answered(connection) == answer_to(6)


def test_a_connection_may_be_mute_before_it_is_reset(proxy: tuple[Proxy, int]) -> None:
    rules, port = proxy
    rules.impose("lost", Rule(lose=26, mute_s=3 * WAIT_S))
    with connected(port) as connection:
        ask(connection, 26, 5)
        assert answered(connection, WAIT_S) is None
        assert answered(connection) == b""


def test_what_is_late_arrives(proxy: tuple[Proxy, int]) -> None:
    rules, port = proxy
    rules.impose("late", Rule(delay_s=0.1))
    connected(port).close()
