"""The score of `outreach`: who is asked next, and where every failure goes."""

from rooms.agents.outreach import compliance_check, drafter_fallback, drafter_primary, escalation, intake, reviewer
from rooms.contracts.outreach import Fine

from misstep import Choreography, back_to, escalate, retry, to

outreach = Choreography("outreach", starts=Fine, deadline="3m", handoffs=3, examples="examples/fines.jsonl")

outreach.on(
    intake,
    waive="nobody else reads the register: what cannot be read here, a person has to look at",
    schema_invalid=escalate,
)
outreach.on(
    compliance_check,
    waive="a letter that the law forbids is nobody's to write, so whatever is not cleared goes to a person",
    compliance_fail=escalate,
    schema_invalid=escalate,
)
outreach.on(
    drafter_primary,
    model_down=to(drafter_fallback),
    latency_blow=to(drafter_fallback),
    schema_invalid=retry(2, first="50ms", varies="prompt") | to(drafter_fallback),
)
outreach.on(
    drafter_fallback,
    standby=True,
    waive="the last drafter: when it does not answer either, a person writes",
    model_down=escalate,
    latency_blow=escalate,
)
outreach.on(
    reviewer,  # while hand-offs are left; then its reason is handoff_exhausted
    rubric_fail=back_to(drafter_fallback),
    handoff_exhausted=escalate,
)
outreach.on(escalation, waive="it only prepares what a person is shown")
