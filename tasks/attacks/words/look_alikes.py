"""Letters of other scripts that look like Latin ones, and characters that show nothing: people read the same word.

The pairs are a part of Unicode's confusables (UTS 39); as there, what shows nothing is left out of a word's skeleton.
"""

LOOK_ALIKES = {
    "a": "\u0430", "c": "\u0441", "d": "\u0501", "e": "\u0435", "g": "\u0261", "h": "\u04bb", "i": "\u0456",
    "j": "\u0458", "n": "\u0578", "o": "\u043e", "p": "\u0440", "q": "\u051b", "s": "\u0455", "u": "\u057d",
    "v": "\u0475", "w": "\u051d", "x": "\u0445", "y": "\u0443",
    "A": "\u0410", "B": "\u0412", "C": "\u0421", "E": "\u0415", "H": "\u041d", "I": "\u0406", "J": "\u0408",
    "K": "\u041a", "M": "\u041c", "N": "\u039d", "O": "\u041e", "P": "\u0420", "S": "\u0405", "T": "\u0422",
    "X": "\u0425", "Y": "\u04ae", "Z": "\u0396",
}  # fmt: skip
HIDDEN = "\u200b"
_LATIN = {ord(other): latin for latin, other in LOOK_ALIKES.items()} | dict.fromkeys(map(ord, "\u200b\u200c\u200d"))


def skeleton(word: str) -> str:
    """What the word looks like: two words of one skeleton read the same."""
    return word.translate(_LATIN)
