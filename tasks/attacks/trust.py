"""Whether what attacks by answers alone left standing can be believed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from assay.records import Check, Verdict
from tasks.attacks.black_box import BlackBoxResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNBOUNDED_ROWS, UNBOUNDED_QUERIES = 32, 500
LEFT_UNBOUNDED = 0.25


def attack_check(name: str, flaw: str, outside: int) -> Check:
    """flaw: what the attack's canaries say against it. outside: rows it moved beyond the threat model."""
    if not flaw and outside:
        flaw = f"it moved {outside} rows beyond its threat model"
    detail = flaw or "it felled every row of a model known to be weak, and none out of reach"
    return Check(f"{name} sees", Verdict.NOT_CHECKED if flaw else Verdict.PASSED, detail)


def unbounded_check(result: BlackBoxResult, freely: "Callable[[NDArray[np.int64]], BlackBoxResult]") -> Check:
    """With everything free to change nearly every row must fall, and more than within bounds: else attacks are blind.

    freely: the same attacks without bounds on the rows at these places.
    """
    import numpy as np

    name = "unbounded attack wins"
    standing = np.flatnonzero(result.clean)[:UNBOUNDED_ROWS]
    if not len(standing):
        return Check(name, Verdict.NOT_CHECKED, "the model gets no row right, so there is nothing to attack")
    left = freely(standing).robust_accuracy
    bounded = float(result.robust[standing].mean())
    beats = left <= bounded and left <= LEFT_UNBOUNDED
    detail = f"accuracy left on {len(standing)} rows when everything may change, {bounded:.4f} within bounds"
    return Check(name, Verdict.PASSED if beats else Verdict.NOT_CHECKED, detail, left, min(bounded, LEFT_UNBOUNDED))
