"""Where the agents' dependencies come from. Environments differ here and in their settings, never in the matrix."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pydantic import Field
from rooms.agents.invoice_faults import FaultyOrders, parse_faults
from rooms.agents.invoice_in_memory import InMemoryLedger, InMemoryOrders, InMemoryRemittances
from rooms.agents.invoice_ledger import Ledger
from rooms.agents.invoice_orders import Orders
from rooms.agents.invoice_reader import PrimaryReader, ReceiptReader, SlowReader
from rooms.agents.invoice_remittances import Remittances

from misstep import Settings, Wiring

wiring = Wiring()


class ReaderSettings(Settings, env_prefix="INVOICE_"):
    """Of the model that reads receipts."""

    faults: str = Field(
        default="", description='Faults on purpose, for the demo: "seed=7,slow=0.05,orders_down=0.1"; empty: none.'
    )


class OrdersSettings(Settings):
    """Of the register of purchase orders."""

    dsn: str = Field(validation_alias="MISSTEP_POSTGRES", description="Postgres DSN.")
    faults: str = Field(default="", validation_alias="INVOICE_FAULTS", description="As of the reader.")


class LedgerSettings(Settings, env_prefix="MISSTEP_"):
    """Of the ledger."""

    postgres: str = Field(description="Postgres DSN.")
    namespace: str = Field(default="misstep", description="Entries of one namespace are none of another's.")


class RemittancesSettings(Settings, env_prefix="MISSTEP_"):
    """Of the remittance notes."""

    postgres: str = Field(description="Postgres DSN.")
    namespace: str = Field(default="misstep", description="Notes of one namespace are none of another's.")


@wiring.provides(dependency="reader", stand_in=PrimaryReader)
async def reader(settings: ReaderSettings) -> AsyncIterator[ReceiptReader]:
    faults = parse_faults(settings.faults)
    yield SlowReader(lambda receipt_id: faults.hits("slow", receipt_id)) if faults.slow else PrimaryReader()


@wiring.provides(dependency="orders", breaker="5 failures, 30s", stand_in=InMemoryOrders)
async def orders(settings: OrdersSettings) -> AsyncIterator[Orders]:
    from rooms.agents.postgres.connections import Connections
    from rooms.agents.postgres.orders import PostgresOrders

    faults = parse_faults(settings.faults)
    connections = Connections(settings.dsn, application="invoice orders")
    register = PostgresOrders(connections)
    yield FaultyOrders(register, faults) if faults.orders_down else register
    await connections.close()


@wiring.provides(dependency="ledger", breaker="5 failures, 30s", stand_in=InMemoryLedger)
async def ledger(settings: LedgerSettings) -> AsyncIterator[Ledger]:
    from rooms.agents.postgres.connections import Connections
    from rooms.agents.postgres.ledger import PostgresLedger

    connections = Connections(settings.postgres, application="invoice ledger")
    yield PostgresLedger(connections, settings.namespace)
    await connections.close()


@wiring.provides(dependency="remittances", breaker="5 failures, 30s", stand_in=InMemoryRemittances)
async def remittances(settings: RemittancesSettings) -> AsyncIterator[Remittances]:
    from rooms.agents.postgres.connections import Connections
    from rooms.agents.postgres.remittances import PostgresRemittances

    connections = Connections(settings.postgres, application="invoice remittances")
    yield PostgresRemittances(connections, settings.namespace)
    await connections.close()
