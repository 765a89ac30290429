"""`misstep contracts lock`, `check` and `show`"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from misstep.cli.options import AsJson, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.contracts import SchemaRecord
from misstep.contracts import locked as locks
from misstep.contracts.lock_files import versions_in
from misstep.errors import AnswerIsNo, UsageError
from misstep.saga.rooms import Project

LOCKED = "contracts/locked"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Lock, check or show what agents may say to each other.\n\n"
    "A contract's schemas are locked in contracts/locked/, under its name and version. A version never changes once it "
    "is locked, and a minor version reads what its predecessors wrote; `check` proves both.\n\n"
    "Example: [bold]misstep contracts lock && misstep contracts check[/bold]",
)


@app.command()
def lock(project: ProjectRoot = None, as_json: AsJson = False) -> None:
    """Write the schemas of the contracts that are not locked yet.

    Commit the files. Refuses when a contract was changed under a locked version: give it a new one.

    Example: [bold]misstep contracts lock[/bold]
    """
    found = surroundings(project=project).project
    written = [str(path.relative_to(found.root)) for path in locks.lock(found.contracts, found.root / LOCKED)]
    if as_json:
        print_json({"written": written})
    elif written:
        for path in written:
            print(f"wrote {path}")
    else:
        print(f"Nothing to do: {_counted(found)} are locked in {LOCKED}/.")


@app.command()
def check(project: ProjectRoot = None, as_json: AsJson = False) -> None:
    """Find every contract that is not locked, was changed under its version, or cannot read its predecessor.

    Exit code 1 when there is one.

    Example: [bold]misstep contracts check[/bold]
    """
    found = surroundings(project=project).project
    findings = locks.check(found.contracts, found.root / LOCKED)
    if as_json:
        print_json({"holds": not findings, "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            print(one)
        if not findings:
            print(f"{_counted(found)} are as they were locked, and every minor version reads its predecessors.")
    if findings:
        raise typer.Exit(AnswerIsNo.exit_code)


@app.command()
def show(
    contract: Annotated[
        str | None, typer.Argument(metavar="[NAME[@VERSION]]", help="One contract's schemas; default: the list.")
    ] = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """List the contracts, or print one contract's schemas.

    Example: [bold]misstep contracts show invoice.extracted[/bold]
    """
    found = surroundings(project=project).project
    records = [SchemaRecord.of(one) for one in found.contracts]
    if contract is not None:
        wanted = [one for one in records if contract in (one.name, f"{one.name}@{one.version}")]
        if not wanted:
            raise UsageError(f"There is no contract {contract!r}; there is: {', '.join(one.name for one in records)}.")
        print_json([_as_dict(one) for one in wanted] if len(wanted) > 1 else _as_dict(wanted[0]))
        return
    locked = set(versions_in(found.root / LOCKED))
    if as_json:
        print_json([{**_as_dict(one), "locked": f"{one.name}@{one.version}" in locked} for one in records])
        return
    table = Table("contract", "version", "encoding", "sha256", "locked", "says")
    for one, model in zip(records, found.contracts, strict=True):
        is_locked = "yes" if f"{one.name}@{one.version}" in locked else "[red]no"
        said = (model.__doc__ or "").strip().partition("\n")[0]
        table.add_row(one.name, one.version, one.encoding, one.sha256[:12], is_locked, said)
    console().print(table)


def _counted(project: Project) -> str:
    return f"{len(project.contracts)} contracts"


def _as_dict(record: SchemaRecord) -> dict[str, object]:
    import orjson

    return {
        "name": record.name,
        "version": record.version,
        "encoding": record.encoding,
        "sha256": record.sha256,
        "fingerprint": record.fingerprint.hex(),
        "avro_schema": orjson.loads(record.avro_schema),
        "json_schema": orjson.loads(record.json_schema),
    }
