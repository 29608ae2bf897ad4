"""Which letters lie beside which on a keyboard (QWERTY), so that typos are those that hands make."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHIFT = (0.0, 0.25, 0.75)  # how far a row is set to the right, in keys
_NEAR = 1.3


def _beside() -> dict[str, str]:
    places = {
        letter: (column + _SHIFT[row], row)
        for row, letters in enumerate(_ROWS)
        for column, letter in enumerate(letters)
    }
    return {
        letter: "".join(
            other
            for other, (left, down) in places.items()
            if other != letter and (left - place[0]) ** 2 + (down - place[1]) ** 2 <= _NEAR**2
        )
        for letter, place in places.items()
    }


BESIDE = _beside()


def are_beside(one: str, other: str) -> bool:
    """Whether two letters' keys touch; case is kept, so a capital stands for a capital."""
    return one.isupper() == other.isupper() and other.lower() in BESIDE.get(one.lower(), "")
