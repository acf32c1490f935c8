import pytest

from nightshift.errors import NightshiftError
from nightshift.person import WHO_LENGTH, WHY_LENGTH, person


def test_a_person_and_a_reason_are_kept_without_blanks_around():
    assert person(" maria ", " storms in July ") == ("maria", "storms in July")


@pytest.mark.parametrize(
    ("who", "why", "fault"),
    [
        ("", "storms", "--who is empty"),
        ("maria", "   ", "--why is empty"),
        ("maria", "two\nlines", "--why is empty or holds control characters"),
        ("m" * (WHO_LENGTH + 1), "storms", f"--who has {WHO_LENGTH + 1} characters, and {WHO_LENGTH} are kept"),
        ("maria", "s" * (WHY_LENGTH + 1), f"--why has {WHY_LENGTH + 1} characters"),
    ],
)
def test_whoever_says_nothing_or_too_much_is_refused(who, why, fault):
    with pytest.raises(NightshiftError, match=fault):
        person(who, why)
