"""A database that is older than the command, or that does not let this user do it, is one sentence."""

import secrets

import psycopg
import pytest

from misstep.errors import UsageError
from misstep.store.connect import asking
from misstep.store.letters import Selection, list_letters
from tests.dlq.conftest import Shop, by, unique


def test_tables_that_are_older_are_brought_up_to_date_by_apply(shop: Shop) -> None:
    older = r"are older than this version \(.*nothing.*run `misstep apply`"
    with pytest.raises(UsageError, match=older), asking(shop.servers.postgres) as connection:
        connection.execute("SELECT l.nothing FROM dead_letters l")


def test_a_reader_may_look_and_not_put_away(shop: Shop) -> None:
    (case,) = unique("rights")
    shop.publish(**{case: {"number": 1, "script": {"weigh": ["model_down"]}}})
    (letter,) = shop.letters(case)
    name, word = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(shop.servers.postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{word}' IN ROLE misstep_reader")
        try:
            dsn = psycopg.conninfo.make_conninfo(shop.servers.postgres, user=name, password=word)
            with asking(dsn) as reading:
                assert list_letters(reading, Selection(shop.namespace, case_id=case), 5)[1] == 1
            refused = shop.refused("dlq", "discard", letter, *by("ann"), "--postgres", dsn, code=2)
            assert "refuses this user" in refused
            assert "misstep_operator" in refused
            connection.execute(f"GRANT misstep_operator TO {name}")
            assert shop("dlq", "discard", letter, *by("ann"), "--postgres", dsn).code == 0
        finally:
            connection.execute(f"DROP ROLE {name}")
