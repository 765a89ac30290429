"""Where the engine's migrations are: inside the installed package, or in the repository it is run from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from misstep.errors import UsageError


def engine_migrations() -> Path:
    """The directory of the engine's own SQL migrations.

    A wheel carries them as `misstep/migrations`; an editable install finds them in the room at the repository's top.
    Raises UsageError when neither is there.
    """
    packaged = Path(str(resources.files("misstep"))) / "migrations"
    in_repository = Path(__file__).resolve().parents[3] / "migrations"
    for directory in (packaged, in_repository):
        if any(directory.glob("*.sql")):
            return directory
    raise UsageError(f"no migrations in {packaged} nor in {in_repository}: install misstep again")
