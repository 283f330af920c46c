"""The one line, in real apps of their own process, over a real socket."""

import json
from collections.abc import Callable

import pytest

import groundtrace
from groundtrace.errors import ConfigError
from groundtrace.integrations import chosen
from tests.sdk.conftest import Ended, StubCollector, attributes_of, recovering

RunApp = Callable[..., Ended]

TRACED = """
    import groundtrace
    groundtrace.instrument({arguments})
    with groundtrace.context(session="s1", metadata={{"doc_family": "billing"}}):
        with groundtrace.retriever(query="q") as step:
            step.add_documents([groundtrace.Document(id="d1", score=0.5)])
"""


def app(*arguments: str) -> str:
    return TRACED.format(arguments=", ".join(arguments))


def test_one_line_sends_spans_at_exit(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(app(repr(otlp.url), "project='shop'", "api_key='k-1'"))

    assert (ended.returncode, ended.stderr) == (0, "")
    (span,) = otlp.spans()
    assert span.name == "retriever"
    assert attributes_of(span.attributes)["session.id"] == "s1"
    assert otlp.resource()["openinference.project.name"] == "shop"
    (request,) = otlp.traces()
    assert request.path == "/v1/traces"
    assert request.headers["authorization"] == "Bearer k-1"
    assert request.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("variable", "suffix"),
    [
        pytest.param("OTEL_EXPORTER_OTLP_ENDPOINT", "", id="base"),
        pytest.param("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces", id="traces"),
        pytest.param("GROUNDTRACE_URL", "", id="ours"),
    ],
)
def test_the_endpoint_comes_from_the_environment(
    otlp: StubCollector, run_app: RunApp, variable: str, suffix: str
) -> None:
    run_app(app(), **{variable: otlp.url + suffix})

    assert [request.path for request in otlp.traces()] == ["/v1/traces"]


def test_otel_variables_are_honoured(otlp: StubCollector, run_app: RunApp) -> None:
    run_app(
        app(),
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp.url,
        OTEL_EXPORTER_OTLP_HEADERS="x-tenant=acme",
        OTEL_EXPORTER_OTLP_COMPRESSION="deflate",
        OTEL_SERVICE_NAME="shop-api",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test,openinference.project.name=theirs",
    )

    (request,) = otlp.traces()
    assert request.headers["x-tenant"] == "acme"
    assert request.headers["content-encoding"] == "deflate"
    resource = otlp.resource()
    assert resource["service.name"] == "shop-api"
    assert resource["deployment.environment"] == "test"
    assert resource["openinference.project.name"] == "theirs"


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"OTEL_SDK_DISABLED": "true"}, id="disabled"),
        pytest.param({"OTEL_TRACES_EXPORTER": "none"}, id="no-exporter"),
        pytest.param({"OTEL_TRACES_SAMPLER": "always_off"}, id="sampled-out"),
    ],
)
def test_nothing_is_sent_when_the_environment_says_so(
    otlp: StubCollector, run_app: RunApp, environ: dict[str, str]
) -> None:
    ended = run_app(app(repr(otlp.url)), **environ)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert otlp.received == []


def test_another_exporter_is_taken_when_named(run_app: RunApp) -> None:
    ended = run_app(app(), OTEL_TRACES_EXPORTER="console")

    assert json.loads(ended.stdout)["name"] == "retriever"


def test_an_exporter_that_is_not_there_is_named_and_the_others_go_on(
    otlp: StubCollector, run_app: RunApp
) -> None:
    ended = run_app(app(repr(otlp.url)), OTEL_TRACES_EXPORTER="otlp,zipkin-of-old")

    assert ended.stderr == "OTEL_TRACES_EXPORTER names an exporter that is not installed: 'zipkin-of-old'\n"
    assert len(otlp.spans()) == 1


def test_the_batch_delay_is_honoured(otlp: StubCollector, run_app: RunApp) -> None:
    code = app(repr(otlp.url)) + "\n    import time; time.sleep(1); import os; os._exit(0)"

    run_app(code, OTEL_BSP_SCHEDULE_DELAY="100")

    assert len(otlp.spans()) == 1


def test_a_hundred_documents_are_all_kept(otlp: StubCollector, run_app: RunApp) -> None:
    run_app(f"""
        import groundtrace
        from groundtrace import Document
        groundtrace.instrument({otlp.url!r})
        with groundtrace.retriever(query="q") as step:
            step.add_documents([
                Document(id=f"d{{i}}", content=f"text {{i}}", score=1 - i / 100, metadata={{"i": i}})
                for i in range(100)
            ])
    """)

    (span,) = otlp.spans()
    attributes = attributes_of(span.attributes)
    assert span.dropped_attributes_count == 0
    assert all(f"retrieval.documents.{i}.document.metadata" in attributes for i in range(100))
    assert "groundtrace.truncated" not in attributes


def test_an_apps_own_provider_keeps_its_exporter_and_gains_ours(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(f"""
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        own = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource.create({{"service.name": "theirs"}}))
        provider.add_span_processor(SimpleSpanProcessor(own))
        trace.set_tracer_provider(provider)

        import groundtrace
        groundtrace.instrument({otlp.url!r}, project="shop")
        assert trace.get_tracer_provider() is provider
        with groundtrace.context(session="s1"), trace.get_tracer("app").start_as_current_span("request"):
            pass
        print([dict(span.attributes) for span in own.get_finished_spans()])
    """)

    assert ended.stderr == ""
    (span,) = otlp.spans()
    stamped = {"openinference.project.name": "shop", "session.id": "s1"}
    assert attributes_of(span.attributes) == stamped
    assert eval(ended.stdout) == [stamped]  # noqa: S307 - our own print
    assert otlp.resource()["service.name"] == "theirs"


def test_a_second_call_changes_nothing(otlp: StubCollector, run_app: RunApp) -> None:
    run_app(app(repr(otlp.url)) + f"\n    groundtrace.instrument({otlp.url!r}, project='other')")

    assert len(otlp.spans()) == 1
    assert "openinference.project.name" not in otlp.resource()


def test_uninstrument_ends_export_and_instrument_begins_it_again(
    otlp: StubCollector, run_app: RunApp
) -> None:
    ended = run_app(f"""
        import groundtrace
        for name in ("first", "unseen", "second"):
            if name != "unseen":
                groundtrace.instrument({otlp.url!r})
            with groundtrace.chain(name):
                pass
            groundtrace.uninstrument()
    """)

    assert ended.stderr == ""
    assert [span.name for span in otlp.spans()] == ["first", "second"]


def test_flush_sends_what_waits(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(
        app(repr(otlp.url)) + "\n    print(groundtrace.flush(), flush=True); import os; os._exit(0)"
    )

    assert ended.stdout == "True\n"
    assert len(otlp.spans()) == 1


def test_a_collector_that_is_down_costs_one_line_and_no_time(run_app: RunApp) -> None:
    code = (
        app("'http://127.0.0.1:9'")
        + """
    for _ in range(5_000):
        with groundtrace.chain():
            pass
    import logging; logging.getLogger("app").warning("the app goes on")
    print(groundtrace.flush())
    """
    )

    ended = run_app(code, OTEL_BSP_SCHEDULE_DELAY="50")

    assert ended.returncode == 0
    assert ended.stdout == "False\n"
    words, warning = sorted(ended.stderr.splitlines(), reverse=True)
    assert words == "the app goes on"
    assert warning.startswith("no spans reach the collector at http://127.0.0.1:9/v1/traces")
    assert ended.seconds < 10


def test_a_collector_that_refuses_costs_one_line(otlp: StubCollector, run_app: RunApp) -> None:
    otlp.status = 401

    ended = run_app(app(repr(otlp.url)) + "\n    groundtrace.flush()\n    with groundtrace.chain(): pass")

    assert ended.returncode == 0
    (line,) = ended.stderr.splitlines()
    assert "401" in line
    assert "Set GROUNDTRACE_API_KEY to a key that may send" in line


def test_the_line_end_of_a_file_is_no_part_of_the_key(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(app(repr(otlp.url)), GROUNDTRACE_API_KEY="k-1\n")

    assert (ended.returncode, ended.stderr) == (0, "")
    (request,) = otlp.traces()
    assert request.headers["authorization"] == "Bearer k-1"


def test_an_outage_and_its_end_are_each_logged_once(otlp: StubCollector, run_app: RunApp) -> None:
    recovering(otlp, 400)
    code = (
        app(repr(otlp.url))
        + f"""
    import logging, urllib.request
    logging.basicConfig(level="INFO", format="%(name)s %(message)s")
    for _ in range(3):
        with groundtrace.chain(): pass
        groundtrace.flush()
    urllib.request.urlopen(urllib.request.Request({otlp.url!r} + "/recover"))
    with groundtrace.chain(): pass
    print(groundtrace.flush())
    """
    )
    ended = run_app(code)

    assert ended.stdout == "True\n"
    logged = [line for line in ended.stderr.splitlines() if line.startswith("groundtrace.exporting")]
    assert len(logged) == 2
    assert "no spans reach" in logged[0]
    assert logged[1].endswith("answers again; 4 spans were lost")


def test_spans_of_a_forked_child_arrive_beside_the_parents(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(f"""
        import os, sys, groundtrace
        groundtrace.instrument({otlp.url!r})
        with groundtrace.chain("before"):
            pass
        assert groundtrace.flush()
        child = os.fork()
        with groundtrace.chain("child" if child == 0 else "parent"):
            pass
        if child == 0:
            sys.exit(0)
        os.waitpid(child, 0)
    """)

    assert ended.stderr == ""
    assert sorted(span.name for span in otlp.spans()) == ["before", "child", "parent"]


def test_a_worker_process_of_multiprocessing_loses_nothing(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(f"""
        import multiprocessing, groundtrace
        def work():
            with groundtrace.chain("worker"):
                pass
        groundtrace.instrument({otlp.url!r})
        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join()
    """)

    assert ended.stderr == ""
    assert [span.name for span in otlp.spans()] == ["worker"]


def test_a_broken_integration_is_logged_and_the_app_goes_on(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(
        f"""
        from importlib.metadata import EntryPoint
        import groundtrace, groundtrace.integrations as integrations
        integrations.known_integrations = lambda: {{
            "broken": EntryPoint("groundtrace-broken", "no_such_module:Instrumentor", integrations.GROUP)
        }}
        groundtrace.instrument({otlp.url!r})
        with groundtrace.chain():
            pass
        """,
        GROUNDTRACE_RAISE_FAULTS="",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="",
    )

    assert ended.returncode == 0
    assert "groundtrace failed at instrumenting broken; the app goes on" in ended.stderr
    assert len(otlp.spans()) == 1


def test_a_library_that_is_not_installed_is_passed_over_in_silence(
    otlp: StubCollector, run_app: RunApp
) -> None:
    ended = run_app(
        f"""
        import sys, types
        from importlib.metadata import EntryPoint
        from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
        import groundtrace, groundtrace.integrations as integrations

        class AbsentInstrumentor(BaseInstrumentor):
            def instrumentation_dependencies(self):
                return ["no-such-library >= 1"]
            def _instrument(self, **kwargs):
                raise AssertionError("instrumented what is not there")
            def _uninstrument(self, **kwargs):
                pass

        sys.modules["absent"] = types.ModuleType("absent")
        sys.modules["absent"].Instrumentor = AbsentInstrumentor
        integrations.known_integrations = lambda: {{
            "absent": EntryPoint("groundtrace-absent", "absent:Instrumentor", integrations.GROUP)
        }}
        groundtrace.instrument({otlp.url!r})
        """,
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="",
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_integrations_are_found_and_switched_on_and_off(otlp: StubCollector, run_app: RunApp) -> None:
    ended = run_app(
        f"""
        from importlib.metadata import entry_points
        import groundtrace
        groundtrace.instrument({otlp.url!r}, only=["langchain"])
        (entry,) = entry_points(group="opentelemetry_instrumentor", name="groundtrace-langchain")
        instrumentor = entry.load()()
        print(instrumentor.is_instrumented_by_opentelemetry)
        groundtrace.uninstrument()
        print(instrumentor.is_instrumented_by_opentelemetry)
        """,
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="",
    )

    assert ended.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("only", "skip", "disabled", "names"),
    [
        pytest.param(None, None, "", ["langchain", "openai"], id="all"),
        pytest.param(["openai"], None, "", ["openai"], id="only"),
        pytest.param(None, ["openai"], "", ["langchain"], id="skip"),
        pytest.param(None, None, "flask, groundtrace-openai", ["langchain"], id="disabled-by-entry-name"),
        pytest.param(None, None, "langchain", ["openai"], id="disabled-by-short-name"),
        pytest.param(None, None, "*", [], id="all-disabled"),
    ],
)
def test_integrations_are_chosen(
    only: list[str] | None, skip: list[str] | None, disabled: str, names: list[str]
) -> None:
    assert chosen(["langchain", "openai"], only=only, skip=skip, disabled=disabled) == names


def test_a_short_name_means_another_packages_instrumentor_where_there_is_one() -> None:
    disabled = "openai, groundtrace-langchain"

    assert chosen(["langchain", "openai"], only=None, skip=None, disabled=disabled, foreign={"openai"}) == [
        "openai"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            {"endpoint": "localhost:4318"},
            "endpoint must be an http:// or https:// URL, got 'localhost:4318'",
            id="endpoint",
        ),
        pytest.param(
            {"content": "all"},
            "content must be one of full, ids, none, got 'all' (from instrument(content=…))",
            id="content",
        ),
        pytest.param(
            {"redact": ["a@b"]},
            "redact must be 'patterns', a function from str to str, or several, got 'a@b' "
            "(from instrument(redact=…))",
            id="redact",
        ),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_which(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        groundtrace.instrument(**arguments)  # type: ignore[arg-type]

    assert str(error.value) == message


def test_an_unknown_integration_is_an_error_that_names_the_known() -> None:
    with pytest.raises(ConfigError, match="only names no integration of groundtrace: 'lang'; known: "):
        groundtrace.instrument(only=["lang"])


def test_instrument_costs_little_time(run_app: RunApp, otlp: StubCollector) -> None:
    ended = run_app(f"""
        import time, groundtrace
        began = time.process_time()
        groundtrace.instrument({otlp.url!r}, only=[])
        print(time.process_time() - began)
    """)

    assert float(ended.stdout) < 1.0
