"""A fork and a join; each agent does what the script says for this life of the case."""

from typing import Literal

from rooms.contracts.checks import Asked, Both, Left, Right

from misstep import Failure, Turn, agent


def act(turn: Turn[Asked] | Turn[tuple[Left, Right]]) -> str:
    payload = turn.payload[0] if isinstance(turn.payload, tuple) else turn.payload
    lives = payload.script.get(turn.agent, [])
    return lives[turn.epoch] if turn.epoch < len(lives) else "ok"


@agent(budget="5s", owner="left")
def look_left(turn: Turn[Asked]) -> Left | Failure[Literal["model_down", "rubric_fail"]]:
    match act(turn):
        case "model_down":
            return turn.fail("model_down", "the left does not answer")
        case "rubric_fail":
            return turn.fail("rubric_fail", "the left is not sure", suggestions=[{"left": 100}])
    return Left(left=turn.payload.number, script=turn.payload.script)


@agent(budget="5s", owner="right")
def look_right(turn: Turn[Asked]) -> Right | Failure[Literal["model_down"]]:
    if act(turn) == "model_down":
        return turn.fail("model_down", "the right does not answer")
    return Right(right=turn.payload.number, script=turn.payload.script)


@agent(budget="5s", owner="both")
def put_together(turn: Turn[tuple[Left, Right]]) -> Both | Failure[Literal["model_down"]]:
    left, right = turn.payload
    if act(turn) == "model_down":
        return turn.fail("model_down", "nobody can put them together")
    return Both(left=left.left, right=right.right, key=turn.idempotency_key)
