"""The hop's score."""

from rooms.agents.hop import check, rest
from rooms.contracts.loan import Loan

from misstep import Choreography

hop = Choreography("hop", starts=Loan, deadline="1h", handoffs=0)
hop.on(check, waive="nothing of its own can fail")
hop.on(rest, waive="nothing of its own can fail")
