"""What an agent accepts, by sha256: whether a plan that was made before still says the truth."""

from __future__ import annotations

import hashlib
import json

from misstep.agents.plan import AgentPlan


def accepted_sha(agent: AgentPlan) -> str:
    """Of everything that the agent accepts, stricter readings' constraints included, in hex.

    A stricter reading shares the identity of its contract, so its own JSON Schema counts beside the identity.
    """
    said = [
        [contract.__contract__.urn, contract.__qualname__, contract.model_json_schema(mode="validation")]
        for contract in agent.accepts
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
