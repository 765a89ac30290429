"""Language models behind one interface: ask with a prompt and the shape of the answer, get the answer and its tokens.

`await model.ask(prompt, answers=Letter, attempt=turn.attempt)`, or, with the tokens counted into the turn's event,
`await ask(turn, model, prompt, answers=Letter)`. What goes wrong is a failure with a reason: `failures.py` has the
table. Nothing here imports a provider's library until a provider's model is opened (`opened.py`, extra
`misstep[models]`).
"""

from misstep.models.ask import ask
from misstep.models.choice import ByAttempt, FirstThatAnswers
from misstep.models.failures import ModelDown, ModelFailure, ModelNonsense, ModelRefused
from misstep.models.model import Answer, Model, Prompt
from misstep.models.opened import ModelSettings, open_model

__all__ = [
    "Answer",
    "ByAttempt",
    "FirstThatAnswers",
    "Model",
    "ModelDown",
    "ModelFailure",
    "ModelNonsense",
    "ModelRefused",
    "ModelSettings",
    "Prompt",
    "ask",
    "open_model",
]
