"""What may be said: contracts, their identity, how their values travel and are read at a hand-off."""

from misstep.contracts.avro_text import AvroText
from misstep.contracts.codec import content_type, encode
from misstep.contracts.contract import Contract
from misstep.contracts.declared import contracts_declared
from misstep.contracts.escalated import Escalated
from misstep.contracts.failure import ENGINE_REASONS, REASONS, Reason
from misstep.contracts.handoff import Reader
from misstep.contracts.identity import Encoding, Identity
from misstep.contracts.locked import Finding, check, lock, locked_records
from misstep.contracts.misfit import Misfit
from misstep.contracts.outcome import Outcome
from misstep.contracts.schema_record import LocalSchemas, SchemaRecord, SchemaSource
from misstep.contracts.undoing import Undoing
from misstep.contracts.upcast import upcaster

__all__ = [
    "ENGINE_REASONS",
    "REASONS",
    "AvroText",
    "Contract",
    "Encoding",
    "Escalated",
    "Finding",
    "Identity",
    "LocalSchemas",
    "Misfit",
    "Outcome",
    "Reader",
    "Reason",
    "SchemaRecord",
    "SchemaSource",
    "Undoing",
    "check",
    "content_type",
    "contracts_declared",
    "encode",
    "lock",
    "locked_records",
    "upcaster",
]
