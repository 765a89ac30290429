"""What importing `misstep.testing` costs, and that its names stay what they are."""

import subprocess
import sys

import pytest


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_it_loads_neither_pytest_nor_servers_nor_the_engine() -> None:
    code = "import sys, misstep.testing; print(*sorted(sys.modules))"
    loaded = set(run(code).split())
    assert not loaded & {"pytest", "pydantic", "confluent_kafka", "misstep.dev", "misstep.agents", "misstep.saga"}


def test_to_rehearse_and_to_walk_loads_neither_pytest_nor_servers() -> None:
    code = "import sys; from misstep.testing import Story, rehearse, turn, walk; print(*sorted(sys.modules))"
    loaded = set(run(code).split())
    assert not loaded & {"pytest", "_pytest", "misstep.dev", "misstep.dev.servers", "testcontainers", "psycopg"}


@pytest.mark.parametrize("name", ["rehearse", "walk", "turn"])
@pytest.mark.parametrize("before", ["", "import misstep.testing.{0}; ", "from misstep.testing.{0} import {0}; "])
def test_a_name_is_the_function_even_when_its_module_was_imported_first(name: str, before: str) -> None:
    code = before + "from misstep.testing import {0}; import misstep.testing as t; print(callable({0}), t.{0} is {0})"
    assert run(code.format(name)).strip() == "True True"
