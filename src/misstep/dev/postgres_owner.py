"""Whom Postgres runs as: it refuses to run as root."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

from misstep.errors import MisstepError

SYSTEM_USER = "pgserver"  # the name that the wheel with the binaries uses itself


def owner_of(data: Path) -> tuple[int, int] | None:
    """The (uid, gid) that Postgres must run as to use `data`; None when that is us.

    Only as root another user is needed: the one who owns the files already, else `pgserver`, made if it is missing
    (`nobody` where no user can be made). Raises MisstepError when there is none of them.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    user = _user(SYSTEM_USER) or _made_user() or _user("nobody")
    if user is None:
        raise MisstepError(
            f"Postgres does not run as root, and neither the user {SYSTEM_USER} nor nobody is there: "
            f"make one with `useradd {SYSTEM_USER}`, or run as another user."
        )
    return user.pw_uid, user.pw_gid


def let_through(path: Path) -> None:
    """As root: let other users pass through (not list) every directory above `path`, else Postgres cannot reach it."""
    for directory in path.absolute().parents:
        mode = stat.S_IMODE(directory.stat().st_mode)
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made_user() -> pwd.struct_passwd | None:
    try:
        subprocess.run(
            ("useradd", "--system", "--no-create-home", "--shell", "/bin/sh", SYSTEM_USER),
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    # Looked up whatever the exit code: another process may have made it at the same moment.
    return _user(SYSTEM_USER)
