"""A file that is either the old one or the new one, never half of it."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`, readable by its owner alone. Raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    draft.replace(path)
