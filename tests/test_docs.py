"""What the documents name exists, and what exists is named: headers, metrics, settings, failure reasons, log lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric

from misstep.agents.worker.metrics import Metrics
from misstep.cli.commands import COMMANDS
from misstep.cli.serve_metrics import PROCESS
from misstep.contracts.event import HEADERS
from misstep.contracts.failure import REASONS
from misstep.contracts.letter import Envelope
from misstep.settings import Settings
from misstep.store import sink_metrics

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "RATIONALE.md")] + sorted(ROOT.glob("docs/*.md"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
EVENTS = (ROOT / "docs" / "events.md").read_text("utf-8")


def rows(text: str, heading: str) -> Iterator[list[str]]:
    """The rows of the table whose first column has this heading."""
    _, found, rest = text.partition(f"| {heading} |")
    assert found, heading
    for line in rest.splitlines()[2:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def letter_headers() -> list[str]:
    envelope = Envelope("c", 0, 1, "a", "agent_fault", "", 1, "", "", "t", 0, 0, 0, "g")
    return [name for name, _ in envelope.headers()]


def metrics() -> dict[str, str]:
    """Every metric by the name that Prometheus sees, and what it says."""
    collected: list[Metric] = list(Metrics().registry.collect())
    collected += [found for name in vars(sink_metrics) if name.isupper() and name != "LABELS"
                  for found in getattr(sink_metrics, name).collect()]  # fmt: skip
    said = {one.name + ("_total" if one.type == "counter" else ""): one.documentation for one in collected}
    return said | dict([PROCESS])


def test_the_tables_of_headers_are_the_headers() -> None:
    first, second = EVENTS.split("A dead letter has")
    assert [name.strip("`") for name, _ in rows(first, "header")] == list(HEADERS)
    assert [name.strip("`") for name, _ in rows(second, "header")] == letter_headers()


def test_the_table_of_reasons_is_the_table_of_reasons() -> None:
    said = [tuple(row) for row in rows(OPERATIONS, "reason")]
    assert said == [
        (
            f"`{reason.name}`",
            reason.meaning,
            "yes" if reason.mends else "no",
            reason.pages or "nobody",
            f"`{reason.default.replace('|', '/')}`",
        )
        for reason in REASONS.values()
        if reason.name != "ok"
    ]


def test_the_table_of_metrics_is_what_is_counted() -> None:
    said = [(name.strip("`"), meaning) for name, meaning in rows(OPERATIONS, "metric")]
    assert len(said) == len(dict(said))
    assert dict(said) == metrics()


def test_the_log_lines_that_are_explained_are_logged() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    for line, _ in rows(OPERATIONS, "the log says"):
        assert f'"{line.strip("`")}"' in source, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_header_metric_setting_and_command_that_is_named_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    settings = {f"MISSTEP_{name.upper()}" for name in Settings.model_fields} | {"MISSTEP_PROJECT"}
    assert set(re.findall(r"\bMISSTEP_[A-Z_]+", text)) <= settings
    assert set(re.findall(r"\b(?:ce|dlq)_[a-z]+\b(?!\.)", text)) <= {*HEADERS, *letter_headers()}
    assert set(re.findall(r"`(misstep_[a-z_]+)`", text)) <= set(metrics())
    assert set(re.findall(r"`misstep ([a-z]+)", text)) <= {command.name for command in COMMANDS}


def test_every_reason_that_a_document_gives_a_failure_exists() -> None:
    endings = {name.rpartition("_")[2] for name in REASONS if "_" in name}
    shaped = re.compile(rf"`([a-z]+_(?:{'|'.join(sorted(endings))}))`")
    for document in DOCUMENTS:
        assert set(shaped.findall(document.read_text("utf-8"))) <= set(REASONS), document.name


def test_operations_are_one_page() -> None:
    assert len(OPERATIONS.splitlines()) <= 90
