"""The collector's API from Python, blocking."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from groundtrace import calls
from groundtrace.calls import Answer, Call, Time
from groundtrace.endpoints import collector_url, is_loopback
from groundtrace.errors import ApiError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]


class Client:
    """Asks a collector for traces, cohorts, comparisons and scores.

    Times are ISO 8601 texts, datetimes or ages (``"24h"``). Every method returns the API's JSON as
    it is documented. Raises ApiError when the collector refuses, ExportError when none answers.
    A context manager; safe to share between threads.
    """

    def __init__(
        self, url: str | None = None, *, api_key: str | None = None, timeout_s: float = 30.0
    ) -> None:
        """``url`` defaults to ``GROUNDTRACE_URL``, else this machine's port 4318; likewise the key."""
        import httpx

        self.url = collector_url(url)
        self._http = httpx.Client(
            base_url=self.url,
            headers=calls.headers(api_key or os.environ.get("GROUNDTRACE_API_KEY")),
            timeout=timeout_s,
            # A proxy has no way to this machine.
            trust_env=not is_loopback(self.url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Answer:
        """GET any path of the API; parameters that are None are left out."""
        return self._answer(calls.get(path, **(params or {})))

    def post(self, path: str, body: object) -> Answer:
        """POST JSON to any path of the API."""
        return self._answer(calls.post(path, body))

    def delete(self, path: str) -> Answer:
        """DELETE any path of the API."""
        return self._answer(calls.delete(path))

    def _answer(self, call: Call) -> Answer:
        import httpx

        try:
            response = self._http.request(call.method, call.path, params=dict(call.params), json=call.body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise calls.unreachable(self.url, error) from error
        return calls.answer(response)

    def traces(
        self,
        *,
        where: str | None = None,
        cohort: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        order: str | None = None,
    ) -> Answer:
        """One page of traces: ``{"traces": [...], "next_cursor": …}``."""
        return self._answer(
            calls.get(
                "/api/v1/traces",
                where=where,
                cohort=cohort,
                since=since,
                until=until,
                limit=limit,
                cursor=cursor,
                order=order,
            )
        )

    def iter_traces(
        self,
        *,
        where: str | None = None,
        cohort: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        order: str | None = None,
        page_size: int = 500,
    ) -> Iterator[Answer]:
        """Every trace that matches, page after page."""
        cursor: str | None = None
        while True:
            page = self.traces(
                where=where,
                cohort=cohort,
                since=since,
                until=until,
                limit=page_size,
                cursor=cursor,
                order=order,
            )
            yield from page["traces"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def count(
        self,
        *,
        where: str | None = None,
        cohort: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> Answer:
        """How many match: ``{"traces": n, "spans": n}``."""
        return self._answer(
            calls.get("/api/v1/traces/count", where=where, cohort=cohort, since=since, until=until)
        )

    def trace(self, trace_id: str) -> Answer:
        """One trace with its spans, documents and scores."""
        return self._answer(calls.trace(trace_id))

    def cohorts(
        self,
        *,
        by: str,
        metrics: Sequence[str],
        where: str | None = None,
        cohort: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int | None = None,
    ) -> Answer:
        """Metrics by cohort: ``{"by", "cohorts": [{"key", "metrics": {NAME: value}}], "more"}``.

        ``by`` is a dimension, or several separated by commas; ``cohort`` is the name of a saved cohort: only
        its traces are counted. ``more`` says whether there are more cohorts than ``limit``.
        """
        return self._answer(
            calls.get(
                "/api/v1/cohorts",
                by=by,
                metrics=metrics,
                where=where,
                cohort=cohort,
                since=since,
                until=until,
                limit=limit,
            )
        )

    def saved_cohorts(self) -> Answer:
        """Names for where-expressions: ``{"saved": [{"name", "expression", "created_at"}]}``."""
        return self._answer(calls.get(calls.SAVED_COHORTS))

    def save_cohort(self, name: str, expression: str) -> Answer:
        """Save a where-expression under a name, in place of what had it: ``{"name", "expression", "created_at"}``."""
        return self._answer(calls.post(calls.SAVED_COHORTS, {"name": name, "expression": expression}))

    def forget_cohort(self, name: str) -> Answer:
        """Remove a saved cohort: ``{"removed": name}``."""
        return self._answer(calls.delete(calls.saved_cohort(name)))

    def compare(
        self,
        *,
        by: str,
        base: str,
        candidate: str,
        metrics: Sequence[str],
        cohort: str | None = None,
        where: str | None = None,
        saved: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
    ) -> Answer:
        """Two values of one field side by side, with a verdict for each cohort and metric.

        With ``by="window"`` the values are spans of time, such as ``"14d/7d"`` and ``"7d/"``. ``cohort`` is a
        dimension; ``saved`` is the name of a saved cohort: only its traces are compared.
        """
        return self._answer(
            calls.get(
                "/api/v1/compare",
                by=by,
                base=base,
                candidate=candidate,
                cohort=cohort,
                metrics=metrics,
                where=where,
                saved=saved,
                since=since,
                until=until,
            )
        )

    def scores(
        self,
        *,
        trace_id: str | None = None,
        name: str | None = None,
        source: str | None = None,
        where: str | None = None,
        cohort: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Answer:
        """One page of scores, newest first: ``{"scores": [...], "next_cursor": …}``."""
        return self._answer(
            calls.get(
                "/api/v1/scores",
                trace_id=trace_id,
                name=name,
                source=source,
                where=where,
                cohort=cohort,
                since=since,
                until=until,
                limit=limit,
                cursor=cursor,
            )
        )

    def add_scores(self, scores: Sequence[Mapping[str, Any]]) -> Answer:
        """Attach scores to traces or spans: ``{"accepted": n, "rejected": [{"index", "message"}]}``."""
        return self._answer(calls.post("/api/v1/scores", {"scores": [dict(score) for score in scores]}))

    def feedback(self, trace_id: str, name: str, value: float | str, comment: str | None = None) -> Answer:
        """Attach what someone said to a trace, and wait for the answer."""
        return self._answer(calls.feedback(trace_id, name, value, comment))

    def sql(self, text: str) -> Answer:
        """Run one SELECT over the collector's tables."""
        return self._answer(calls.post("/api/v1/sql", {"sql": text}))

    def datasets(self) -> Answer:
        """Every dataset with its newest version: ``{"datasets": [...]}``."""
        return self._answer(calls.get("/api/v1/datasets"))

    def dataset_rows(
        self, name: str, *, version: int | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Answer:
        """One page of rows, of the newest version unless told: ``{"version", "rows": [...], "next_cursor": …}``."""
        path = calls.dataset(name, "rows")
        return self._answer(calls.get(path, version=version, limit=limit, cursor=cursor))

    def iter_dataset_rows(
        self, name: str, *, version: int | None = None, page_size: int = 500
    ) -> Iterator[Answer]:
        """Every row of one version, page after page; a version that comes meanwhile changes nothing."""
        cursor: str | None = None
        while True:
            page = self.dataset_rows(name, version=version, limit=page_size, cursor=cursor)
            version = page["version"]
            yield from page["rows"]
            cursor = page["next_cursor"]
            if not cursor:
                return

    def add_dataset(
        self,
        name: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        append: bool = False,
        source: str | None = None,
    ) -> Answer:
        """Make a new version of a dataset: ``{"name", "version", "rows"}``.

        ``rows`` are objects with ``query`` and other fields of a row, sent piece by piece. With ``append`` the
        rows of the version before stay, save those of the same id. Until the last row has arrived there is no
        new version, so one that fails half way leaves nothing to read.
        """
        upload = (self._answer(calls.post("/api/v1/datasets", {"name": name})))["upload"]
        for batch in calls.row_batches(rows):
            body = {"upload": upload, "rows": batch}
            self._answer(calls.post(calls.dataset(name, "rows"), body))
        return self._complete(name, upload, append=append, source=source)

    def mine_dataset(
        self,
        name: str,
        *,
        where: str | None = None,
        cohort: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        negatives: int = 1,
        append: bool = False,
    ) -> Answer:
        """Make a new version out of traces: ``{"name", "version", "rows", "mined"}``.

        A trace gives at most ``negatives`` rows. ``mined`` is ``{"traces", "rows", "skipped": {REASON: n}}``:
        how many traces were looked at, how many rows they gave, and why the others gave none. Raises ApiError
        with these reasons where no trace gave a row.
        """
        upload = (self._answer(calls.post("/api/v1/datasets", {"name": name})))["upload"]
        found: Answer = {}
        asked = calls.mining(upload, where, cohort, since, until, negatives)
        while True:
            page = self._answer(calls.post(calls.dataset(name, "mined"), asked))
            calls.mined(found, page)
            asked["cursor"] = page["next_cursor"]
            if not page["next_cursor"]:
                break
        source = f"mined from {found['traces']} traces"
        try:
            made = self._complete(name, upload, append=append, source=source)
        except ApiError as error:
            raise calls.none_mined(error, found) from error
        return {**made, "mined": found}

    def _complete(self, name: str, upload: int, *, append: bool, source: str | None) -> Answer:
        body = {"upload": upload, "append": append, "source": source}
        return self._answer(calls.post(calls.dataset(name, "versions"), body))

    def to_pandas(self, result: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
        """Turn an answer, or a list of its rows, into a frame; see ``groundtrace.frames``."""
        from groundtrace.frames import to_pandas

        return to_pandas(result)
