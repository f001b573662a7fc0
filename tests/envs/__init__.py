import pytest

# what they assert is explained as in the tests themselves
pytest.register_assert_rewrite("tests.envs.play", "tests.envs.play_objectives")
