"""What is said about a loan's rating while it is made twice: for the drill `stale-cache`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from rooms.contracts.credit import ApplicationId, File, Percent, Points

from misstep import Contract


class Preliminary(Contract, name="credit.preliminary", version="1.0"):
    """An application with its first rating, by how far it came."""

    file: File
    application_id: ApplicationId
    points: Points


class Quoted(Contract, name="credit.quoted", version="1.0"):
    """The rate that the applicant is told on the first rating."""

    file: File
    application_id: ApplicationId
    points: Points
    rate: Percent = Field(description="A year, for the points that the agent read.")


class Assessed(Contract, name="credit.assessed", version="1.0"):
    """An application with its second rating, by the whole file. It replaces the first."""

    application_id: ApplicationId
    points: Points = Field(description="As they were written.")


class Rated(Contract, name="credit.rated", version="1.0"):
    """What follows from the rating: the last word."""

    application_id: ApplicationId
    points: Points = Field(description="As they were read.")
    rate: Percent
    answer: Literal["offered", "for a person", "declined"]
