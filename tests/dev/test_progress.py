"""What is shown while servers are fetched."""

import io

from rich.console import Console

from misstep.dev.progress import Lines, Terminal, reporter_for


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_moving_bar_and_a_pipe_one_line():
    assert isinstance(reporter_for(FakeTerminal()), Terminal)
    assert isinstance(reporter_for(io.StringIO()), Lines)


def test_a_bar_on_a_terminal_shows_the_amount():
    out = io.StringIO()
    with Terminal(Console(file=out, force_terminal=True, width=100)).bar("Fetching", 2_000_000) as advance:
        advance(2_000_000)
    assert "Fetching" in out.getvalue()
    assert "2.0/2.0 MB" in out.getvalue()


def test_a_bar_in_a_pipe_is_one_line():
    out = io.StringIO()
    with Lines(out).bar("Fetching", 2_000_000) as advance:
        advance(1_000_000)
        advance(1_000_000)
    assert out.getvalue() == "Fetching, 2 MB\n"
