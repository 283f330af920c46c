from datetime import date

from opentelemetry import context as otel_context

from groundtrace.context import context, context_attributes


def test_values_carry_openinference_key_names() -> None:
    with context(
        session="s1",
        user="u1",
        metadata={"doc_family": "billing", "tier": 2},
        prompt_version="v7",
        route="main",
        tags=["beta"],
        gold=["doc-17"],
        dataset_row="r9",
    ):
        assert context_attributes() == {
            "session.id": "s1",
            "user.id": "u1",
            "metadata": '{"doc_family":"billing","tier":2}',
            "tag.tags": ("beta",),
            "llm.prompt_template.version": "v7",
            "groundtrace.route": "main",
            "groundtrace.dataset.row": "r9",
            "groundtrace.gold.document_ids": ("doc-17",),
        }


def test_inner_block_adds_metadata_and_tags_and_replaces_the_rest() -> None:
    with (
        context(session="s1", metadata={"a": 1, "b": 1}, tags=["x"]),
        context(session="s2", metadata={"b": 2}, tags=["y", "x"]),
    ):
        inner = context_attributes()

    assert inner["session.id"] == "s2"
    assert inner["metadata"] == '{"a":1,"b":2}'
    assert inner["tag.tags"] == ("x", "y")


def test_leaving_the_block_restores_what_was_before() -> None:
    before = otel_context.get_current()

    with context(session="s1"):
        pass

    assert otel_context.get_current() == before
    assert context_attributes() == {}


def test_values_set_under_openinference_keys_by_others_are_read() -> None:
    token = otel_context.attach(otel_context.set_value("tag.tags", ["theirs"]))
    try:
        with context(tags=["ours"]):
            assert context_attributes()["tag.tags"] == ("theirs", "ours")
    finally:
        otel_context.detach(token)


def test_metadata_that_json_lacks_is_written_as_text() -> None:
    with context(metadata={"since": date(2026, 1, 2)}):
        assert context_attributes()["metadata"] == '{"since":"2026-01-02"}'
