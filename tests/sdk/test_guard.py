import logging

import pytest

from groundtrace.guard import guarded


@pytest.fixture
def faults_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROUNDTRACE_RAISE_FAULTS")


def test_a_fault_is_raised_under_test() -> None:
    with pytest.raises(ZeroDivisionError), guarded("dividing"):
        _ = 1 / 0


@pytest.mark.usefixtures("faults_kept")
def test_a_fault_is_logged_once_per_place_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    @guarded("counting documents")
    def broken() -> int:
        raise LookupError("no documents")

    with caplog.at_level(logging.ERROR):
        assert broken() is None
        assert broken() is None

    assert [record.getMessage() for record in caplog.records] == [
        "groundtrace failed at counting documents; the app goes on (logged once)"
    ]
    assert caplog.records[0].exc_info is not None


@pytest.mark.usefixtures("faults_kept")
async def test_a_fault_in_a_coroutine_is_kept() -> None:
    @guarded("awaiting")
    async def broken() -> int:
        raise LookupError

    assert await broken() is None


@pytest.mark.usefixtures("faults_kept")
def test_keyboard_interrupt_passes() -> None:
    with pytest.raises(KeyboardInterrupt), guarded("waiting"):
        raise KeyboardInterrupt
