"""Where a parcel's failures go."""

from rooms.agents.parcels import book, send, weigh, weigh_by_hand
from rooms.contracts.parcels import Booked, Light, Parcel

from misstep import Choreography, Undo, dead_letter, escalate, retry, to

parcels = Choreography("parcels", starts=Parcel, deadline="10m", handoffs=1)
parcels.on(weigh, rubric_fail=escalate, model_down=dead_letter, compliance_fail=to(weigh_by_hand))
parcels.on(weigh_by_hand, standby=True, model_down=dead_letter)
parcels.on(book, model_down=dead_letter, invariant_broken=escalate)
parcels.on(send, model_down=dead_letter, rubric_fail=escalate)


@parcels.undo(book, tries=retry(1))
async def unbook(undo: Undo[Light, Booked]) -> None:
    """Takes the place on the van back."""
    if "unbook" in undo.input.script:
        raise RuntimeError("the van is on its way")
