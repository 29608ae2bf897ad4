"""Parts are done in order, one core each, and torch's threads are given back."""

import threading
from collections.abc import Iterator

import pytest
import torch

from assay.torch_threads import side_by_side

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_parts_meet_and_keep_their_order() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def work(part: int) -> tuple[int, int]:
        meeting.wait()  # nobody passes alone
        return part, torch.get_num_threads()

    assert side_by_side(work, range(4), CPU) == [(0, 1), (1, 1), (2, 1), (3, 1)]


def test_threads_are_given_back_also_to_those_to_come() -> None:
    side_by_side(lambda part: part, range(2), CPU)
    seen = list[int]()
    newcomer = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    newcomer.start()
    newcomer.join()
    assert [torch.get_num_threads(), *seen] == [2, 2]


@pytest.mark.parametrize(("parts", "device"), [(1, CPU), (3, torch.device("cuda"))], ids=["one part", "gpu"])
def test_one_part_or_a_gpu_stays_in_its_thread(parts: int, device: torch.device) -> None:
    assert side_by_side(lambda _: threading.get_ident(), range(parts), device) == [threading.get_ident()] * parts


def test_error_of_the_first_part_is_raised() -> None:
    def work(part: int) -> None:
        if part:
            raise ValueError(part)

    with pytest.raises(ValueError, match="1"):
        side_by_side(work, range(3), CPU)
    assert torch.get_num_threads() == 2
