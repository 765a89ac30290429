import asyncio

import pytest
from rooms.agents.invoice_faults import FaultyOrders
from rooms.agents.invoice_ledger import Ledger
from rooms.agents.invoice_orders import Orders
from rooms.agents.invoice_reader import PrimaryReader, ReceiptReader, SlowReader
from rooms.agents.invoice_remittances import Remittances
from rooms.agents.wiring import wiring
from rooms.saga.invoice import invoice

from misstep.errors import UsageError
from misstep.saga.compile import compile_plan

NOBODY = "postgresql://nobody@127.0.0.1:1/none"


def opened(*kinds: type) -> list[object]:
    async def look() -> list[object]:
        found = await wiring.open(kinds)
        instances = [found.instances[kind] for kind in kinds]
        await found.close()
        return instances

    return asyncio.run(look())


def test_all_that_the_agents_need_is_provided() -> None:
    wiring.check(compile_plan(invoice))


def test_everything_opens_without_postgres_so_that_agents_start_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSTEP_POSTGRES", NOBODY)
    monkeypatch.delenv("INVOICE_FAULTS", raising=False)
    reader, orders, _, _ = opened(ReceiptReader, Orders, Ledger, Remittances)
    assert isinstance(reader, PrimaryReader)
    assert not isinstance(orders, FaultyOrders)


def test_faults_come_by_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSTEP_POSTGRES", NOBODY)
    monkeypatch.setenv("INVOICE_FAULTS", "seed=7,slow=0.1,orders_down=0.1")
    reader, orders = opened(ReceiptReader, Orders)
    assert isinstance(reader, SlowReader)
    assert isinstance(orders, FaultyOrders)


def test_without_a_dsn_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISSTEP_POSTGRES", raising=False)
    with pytest.raises(UsageError, match="MISSTEP_POSTGRES"):
        opened(Ledger)
