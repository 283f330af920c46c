"""A segment is whole on disk, or it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundtrace_collector.commit.recent import KEPT_S, RecentBodies
from groundtrace_collector.commit.segment import left_over, write_segment
from groundtrace_collector.gate.frame import frame, frames, varint


def digest(n: int) -> bytes:
    return n.to_bytes(16, "big")


def test_digests_are_read_back_from_a_segment(tmp_path: Path) -> None:
    pieces = [
        piece for n in range(3) for piece in frame(b"x" * 300 * n, project="p" * n, seq=7, digest=digest(n))
    ]
    write_segment(tmp_path, seq=7, node="ab", pieces=pieces)

    (segment,) = left_over(tmp_path)
    assert (segment.seq, segment.token) == (7, "00000000000000000007-ab")
    assert segment.digests() == [digest(0), digest(1), digest(2)]


def test_more_pieces_than_the_kernel_takes_at_once_are_written(tmp_path: Path) -> None:
    pieces = [piece for n in range(2_000) for piece in frame(b"body", project="", seq=1, digest=digest(n))]
    segment = write_segment(tmp_path, seq=1, node="ab", pieces=pieces)

    assert segment.path.read_bytes() == b"".join(pieces)


def test_an_unfinished_segment_is_removed_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000001-ab.unfinished").write_bytes(b"half")

    assert list(left_over(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_segments_are_replayed_in_the_order_of_their_sequence(tmp_path: Path) -> None:
    for seq in (30, 4, 200):
        write_segment(tmp_path, seq=seq, node="ab", pieces=[b""])

    assert [segment.seq for segment in left_over(tmp_path)] == [4, 30, 200]


def test_a_segment_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "gone"

    with pytest.raises(FileNotFoundError):
        write_segment(folder, seq=1, node="ab", pieces=[b"x"])


@pytest.mark.parametrize("cut", [1, 10, 20])
def test_a_cut_segment_is_an_error(cut: int) -> None:
    whole = b"".join(frame(b"body", project="p", seq=1, digest=digest(1)))

    with pytest.raises(ValueError, match="cut short"):
        list(frames(whole[:-cut]))


@pytest.mark.parametrize(
    ("number", "encoded"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")]
)
def test_varints_are_protobufs(number: int, encoded: bytes) -> None:
    assert varint(number) == encoded


def test_a_body_is_known_for_an_hour_also_by_the_next_process(tmp_path: Path) -> None:
    now = 1_000_000.0
    first = RecentBodies(tmp_path, now_s=lambda: now)
    first.add([digest(1)])
    first.keep([digest(1)])

    second = RecentBodies(tmp_path, now_s=lambda: now + KEPT_S - 1)
    second.load()
    third = RecentBodies(tmp_path, now_s=lambda: now + KEPT_S)
    third.load()

    assert digest(1) in first
    assert digest(1) in second
    assert digest(1) not in third
    assert digest(2) not in second


def test_a_file_of_digests_that_a_crash_cut_is_read_up_to_there(tmp_path: Path) -> None:
    recent = RecentBodies(tmp_path)
    recent.keep([digest(1), digest(2)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])

    again = RecentBodies(tmp_path)
    again.load()

    assert digest(1) in again
    assert digest(2) not in again


def test_digests_behind_one_that_a_crash_cut_are_read_too(tmp_path: Path) -> None:
    before = RecentBodies(tmp_path, now_s=lambda: 1_000_000.0)
    before.keep([digest(1), digest(2)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    after = RecentBodies(tmp_path, now_s=lambda: 1_000_000.0)
    after.keep([digest(3)])

    again = RecentBodies(tmp_path, now_s=lambda: 1_000_000.0)
    again.load()

    assert [each in again for each in map(digest, (1, 2, 3))] == [True, False, True]
