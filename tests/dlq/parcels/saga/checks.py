"""Where the failures of a check go."""

from rooms.agents.checks import look_left, look_right, put_together
from rooms.contracts.checks import Asked

from misstep import Choreography, dead_letter, escalate

checks = Choreography("checks", starts=Asked, deadline="10m")
checks.on(look_left, fork="sides", model_down=dead_letter, rubric_fail=escalate)
checks.on(look_right, fork="sides", model_down=dead_letter)
checks.on(put_together, model_down=dead_letter)
