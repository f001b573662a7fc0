"""Parts of a leaderboard that fit into a terminal."""

from nasgym.compare.section import Section

WIDE = Section(
    ("rank", "agent", "reward", "ended"), [("1", "layernas", "0.9013", "budget"), ("2", "random", "0.8", "budget 4")]
)


def test_a_section_that_fits_is_one_part():
    assert WIDE.parts(80) == [WIDE]


def test_a_section_that_does_not_fit_goes_on_below_with_the_agents_again():
    # columns with their gaps take 7, 11, 9 and 11 characters
    assert WIDE.parts(38) == [WIDE]
    assert WIDE.parts(37) == [
        Section(("rank", "agent", "reward"), [("1", "layernas", "0.9013"), ("2", "random", "0.8")]),
        Section(("rank", "agent", "ended"), [("1", "layernas", "budget"), ("2", "random", "budget 4")]),
    ]


def test_a_column_wider_than_the_terminal_stands_alone():
    assert [part.head for part in WIDE.parts(5)] == [("rank", "agent", "reward"), ("rank", "agent", "ended")]
