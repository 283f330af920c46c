"""The store keeps what it is given, and its sequence never goes back."""

from groundtrace_collector.store.clock import Sequence
from groundtrace_collector.store.store import Store


async def test_an_inserted_row_is_read_back(store: Store) -> None:
    await store.insert(
        "feedback", [{"TraceId": "t", "Name": "thumbs", "Value": -1.0, "Seq": store.next_seq()}]
    )

    assert await store.query("SELECT TraceId, Name, Value FROM feedback FINAL") == [
        {"TraceId": "t", "Name": "thumbs", "Value": -1.0}
    ]


async def test_values_are_bound_not_formatted_in(store: Store) -> None:
    rows = await store.query("SELECT {text:String} AS text", {"text": "'; DROP TABLE traces; -- %s"})

    assert rows == [{"text": "'; DROP TABLE traces; -- %s"}]


def test_the_sequence_never_goes_back_when_the_clock_does() -> None:
    clock = iter([1_000, 900, 900, 2_000])
    sequence = Sequence(now_us=lambda: next(clock))

    assert [sequence.next() for _ in range(4)] == [1_000, 1_001, 1_002, 2_000]
