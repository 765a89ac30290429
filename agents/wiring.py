"""Where the agents' dependencies come from. Environments differ here and in their settings, never in the matrix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import Field
from rooms.agents.credit_faults import FaultyFunds, FaultyRegister, FaultyScorer
from rooms.agents.credit_faults import parse_faults as credit_faults
from rooms.agents.credit_funds import Funds
from rooms.agents.credit_in_memory import InMemoryFunds, InMemoryRegister
from rooms.agents.credit_register import CreditRegister
from rooms.agents.credit_scoring import PointsModel, ScoringModel
from rooms.agents.invoice_faults import FaultyOrders, parse_faults
from rooms.agents.invoice_in_memory import InMemoryLedger, InMemoryOrders, InMemoryRemittances
from rooms.agents.invoice_ledger import Ledger
from rooms.agents.invoice_orders import Orders
from rooms.agents.invoice_reader import PrimaryReader, ReceiptReader, SlowReader
from rooms.agents.invoice_remittances import Remittances
from rooms.agents.outreach_drafters import FallbackDrafter, FaultyModel, PrimaryDrafter
from rooms.agents.outreach_drafters import parse_faults as outreach_faults
from rooms.agents.outreach_writer import SOUND, Writer, build_of

from misstep import Settings, Wiring
from misstep.models import Model, ModelSettings, open_model

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


class PrimaryDrafterSettings(ModelSettings, env_prefix="OUTREACH_PRIMARY_"):
    """Of who drafts first: a provider's model when OUTREACH_PRIMARY_MODEL names one, else the writer."""

    timeout: str = Field(default="15s", description="Less than the drafters' budget, so that it is said who was slow.")
    faults: str = Field(default="", description='Faults on purpose, for drills: "seed=7,down=0.1,slow=0.05".')
    build: str = Field(
        default=SOUND, validation_alias="OUTREACH_DRAFTER_BUILD", description="Of the writer: sound, or hasty."
    )


class FallbackDrafterSettings(ModelSettings, env_prefix="OUTREACH_FALLBACK_"):
    """Of who drafts when the first could not: a provider's model when OUTREACH_FALLBACK_MODEL names one."""

    timeout: str = Field(default="15s", description="As of the primary.")
    faults: str = Field(default="", description="As of the primary.")


@wiring.provides(
    dependency="drafter_primary", breaker="5 failures, 30s", stand_in=lambda: PrimaryDrafter(Writer("primary"))
)
async def drafter_primary(settings: PrimaryDrafterSettings) -> AsyncIterator[PrimaryDrafter]:
    writer = Writer("primary", build_of(settings.build))
    async with _drafting(settings, writer, settings.faults) as model:
        yield PrimaryDrafter(model)


@wiring.provides(
    dependency="drafter_fallback", breaker="5 failures, 30s", stand_in=lambda: FallbackDrafter(Writer("fallback"))
)
async def drafter_fallback(settings: FallbackDrafterSettings) -> AsyncIterator[FallbackDrafter]:
    async with _drafting(settings, Writer("fallback"), settings.faults) as model:
        yield FallbackDrafter(model)


@asynccontextmanager
async def _drafting(settings: ModelSettings, writer: Writer, faults: str) -> AsyncIterator[Model]:
    """The provider's model that the settings name, or the writer; with the faults on purpose around it."""
    prefix = str(settings.model_config.get("env_prefix"))
    hits = outreach_faults(faults, what=f"{prefix}FAULTS")
    if not settings.model:
        yield FaultyModel(writer, hits) if faults else writer
        return
    async with open_model(settings) as model:
        yield FaultyModel(model, hits) if faults else model


class CreditSettings(Settings, env_prefix="MISSTEP_"):
    """Of the services behind loans."""

    postgres: str = Field(description="Postgres DSN.")
    namespace: str = Field(default="misstep", description="Money and entries of one namespace are none of another's.")
    faults: str = Field(default="", validation_alias="CREDIT_FAULTS", description="As of the scoring model.")


class ScorerSettings(Settings, env_prefix="CREDIT_"):
    """Of the model that rates loan applications."""

    faults: str = Field(
        default="", description='Faults on purpose, for drills: "seed=7,scorer_down=0.1,register_down=0.1".'
    )


# A retry waits for an open circuit, and a case has 60 s: shorter than the usual 30 s, shortest where one stands by.
@wiring.provides(dependency="scorer", breaker="5 failures, 3s", stand_in=PointsModel)
async def scorer(settings: ScorerSettings) -> AsyncIterator[ScoringModel]:
    yield FaultyScorer(PointsModel(), credit_faults(settings.faults)) if settings.faults else PointsModel()


@wiring.provides(dependency="funds", breaker="5 failures, 10s", stand_in=InMemoryFunds)
async def funds(settings: CreditSettings) -> AsyncIterator[Funds]:
    from rooms.agents.postgres.connections import Connections
    from rooms.agents.postgres.funds import PostgresFunds

    connections = Connections(settings.postgres, application="credit funds")
    service = PostgresFunds(connections, settings.namespace)
    yield FaultyFunds(service, credit_faults(settings.faults)) if settings.faults else service
    await connections.close()


@wiring.provides(dependency="register", breaker="5 failures, 10s", stand_in=InMemoryRegister)
async def register(settings: CreditSettings) -> AsyncIterator[CreditRegister]:
    from rooms.agents.postgres.connections import Connections
    from rooms.agents.postgres.credit_register import PostgresRegister

    connections = Connections(settings.postgres, application="credit register")
    entries = PostgresRegister(connections, settings.namespace)
    yield FaultyRegister(entries, credit_faults(settings.faults)) if settings.faults else entries
    await connections.close()
