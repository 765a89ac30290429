"""A directory that comes into being as a whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft_of(directory: Path) -> Iterator[Path]:
    """An empty directory beside `directory`, which takes that one's place when the block ends without an exception.

    Each draft has a name of its own: when a command is killed, the program that it had set to work may still be writing
    to the draft of that time. Raises OSError.
    """
    draft = Path(tempfile.mkdtemp(prefix=f"{directory.name}.draft-", dir=directory.parent))
    try:
        yield draft
        draft.replace(directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove_left_over_drafts(directory: Path) -> None:
    """Remove what killed commands left of drafts of `directory`; what is still being written to goes the next time."""
    for left_over in directory.parent.glob(f"{directory.name}.draft-*"):
        shutil.rmtree(left_over, ignore_errors=True)
