"""Datasets in the store: uploads that become versions, and versions read page by page."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from groundtrace_collector.datasets.row import Row
from groundtrace_collector.errors import ApiError
from groundtrace_collector.query.errors import QueryError, suggestion
from groundtrace_collector.query.page import checked_limit
from groundtrace_collector.query.times import iso_time, nanoseconds
from groundtrace_collector.store.sql import statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from groundtrace_collector.store.store import Store

MAX_BATCH_ROWS: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# A batch's rows follow one another behind its number in the server sequence.
_PLACES: Final = 1_024


class Shelf:
    """The datasets of one store.

    A project has its own; ``project`` '' means those that belong to none. An upload is a number: rows are put
    into it, and completing it makes it the next version. Until then nobody reads it, and after that nobody
    writes it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # Two uploads that are completed at once are two versions.
        self._completing = asyncio.Lock()

    async def listed(self, project: str) -> list[dict[str, Any]]:
        """Every dataset with its newest version, by name."""
        rows = await self._query("listed", project=project)
        return [
            {
                "name": row["Name"],
                "version": row["Newest"],
                "versions": row["Versions"],
                "rows": row["NewestRows"],
                "source": row["NewestSource"] or None,
                "created_at": iso_time(nanoseconds(row["NewestAt"])),
            }
            for row in rows
        ]

    async def versions(self, project: str, name: str) -> list[dict[str, Any]]:
        """Every version of a dataset, newest first; raises ApiError 404 when there is no such dataset."""
        return [
            {
                "version": row["Version"],
                "rows": row["Rows"],
                "source": row["Source"] or None,
                "created_at": iso_time(nanoseconds(row["CreatedAt"])),
            }
            for row in await self._versions(project, name)
        ]

    async def rows(
        self,
        project: str,
        name: str,
        *,
        version: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """`{"name", "version", "rows", "next_cursor"}`: a page of a version, the newest unless told.

        Raises ApiError 404 when there is no such dataset or version, QueryError for a wrong limit or cursor.
        """
        wanted = checked_limit(limit)
        behind = _place(cursor)
        chosen = _chosen(name, await self._versions(project, name), version)
        values = {"name": name, "upload": chosen["Upload"], "behind": behind, "rows": wanted + 1}
        found = await self._query("rows", project=project, **values)
        return {
            "name": name,
            "version": chosen["Version"],
            "rows": [_row(each).as_json() for each in found[:wanted]],
            "next_cursor": str(found[wanted - 1]["Place"]) if len(found) > wanted else None,
        }

    def open(self, name: str) -> int:
        """A new upload; raises QueryError for a name that no dataset may have."""
        if not _NAME.fullmatch(name):
            raise QueryError(
                "invalid_name",
                "a dataset's name has 1 to 100 letters, digits, '.', '_' and '-', and begins with a letter or "
                f"digit; got {name[:120]!r}",
            )
        return self._store.next_seq()

    async def put(self, project: str, name: str, upload: int, rows: Sequence[Row]) -> int:
        """Add at most 1,000 rows to an upload, and return how many they are; the same row twice is one.

        Raises ApiError 409 when the upload has been completed, QueryError when two rows have one id and
        different contents.
        """
        await self._check_open(project, name, upload)
        present = await self._members(project, name, upload, [row.id for row in rows])
        fresh = []
        for row in rows:
            if row.id not in present:
                fresh.append(row)
            if present.setdefault(row.id, row.digest) != row.digest:
                raise QueryError(
                    "id_twice",
                    f"two rows have the id {row.id[:80]!r} and different contents; give each its own",
                )
        await self._write(project, name, upload, fresh)
        return len(rows)

    async def put_new(
        self, project: str, name: str, upload: int, groups: Sequence[Sequence[Row]]
    ) -> list[int]:
        """Add the rows whose ids the upload has not yet, and return how many of each group these were."""
        await self._check_open(project, name, upload)
        ids = [row.id for rows in groups for row in rows]
        present = set(await self._members(project, name, upload, ids))
        fresh: list[Row] = []
        added = []
        for rows in groups:
            new = list({row.id: row for row in rows if row.id not in present}.values())
            present.update(row.id for row in new)
            fresh += new
            added.append(len(new))
        await self._write(project, name, upload, fresh)
        return added

    async def complete(
        self, project: str, name: str, upload: int, *, append: bool, source: str | None
    ) -> dict[str, Any]:
        """Make an upload the next version: `{"name", "version", "rows"}`.

        With ``append`` the rows of the version before stay, save those of the same id. An upload that has been
        completed is answered as before, so a request may be sent again. Raises QueryError for one without rows.
        """
        async with self._completing:
            versions = await self._query("versions", project=project, name=name)
            for row in versions:
                if row["Upload"] == upload:
                    return {"name": name, "version": row["Version"], "rows": row["Rows"]}
            target = {"project": project, "name": name, "upload": upload}
            if append and versions:
                kept = {**target, "before": versions[0]["Upload"], "seq": self._store.next_seq()}
                await self._store.command(statement(__package__, "keep"), kept)
            count = int((await self._query("count", **target))[0]["Rows"])
            if count == 0:
                raise QueryError(
                    "no_rows", f"nothing was put into dataset {name!r}: a version has a row at least"
                )
            version = versions[0]["Version"] + 1 if versions else 1
            await self._store.insert(
                "datasets",
                [
                    {
                        "Project": project,
                        "Name": name,
                        "Version": version,
                        "Upload": upload,
                        "Rows": count,
                        "Source": source or "",
                        "Seq": self._store.next_seq(),
                    }
                ],
            )
        return {"name": name, "version": version, "rows": count}

    async def _check_open(self, project: str, name: str, upload: int) -> None:
        for row in await self._query("versions", project=project, name=name):
            if row["Upload"] == upload:
                raise ApiError(
                    409,
                    "completed",
                    f"upload {upload} is version {row['Version']} of {name!r}, which stays as it is",
                )

    async def _members(self, project: str, name: str, upload: int, ids: Sequence[str]) -> dict[str, str]:
        """The digest of each of these rows that an upload has, by id."""
        found = await self._query("members", project=project, name=name, upload=upload, ids=ids)
        return {row["RowId"]: row["Known"] for row in found}

    async def _write(self, project: str, name: str, upload: int, rows: Sequence[Row]) -> None:
        if not rows:
            return
        digests = {row.digest: row for row in rows}
        known = await self._query("known", project=project, digests=list(digests))
        for row in known:
            digests.pop(row["Known"])
        await self._store.insert("dataset_rows", [_stored(row, project) for row in digests.values()])
        seq = self._store.next_seq()
        members = [
            {
                "Project": project,
                "Dataset": name,
                "Upload": upload,
                "RowId": row.id,
                "Digest": row.digest,
                "Place": seq * _PLACES + index,
                "Seq": seq,
            }
            for index, row in enumerate(rows)
        ]
        await self._store.insert("dataset_members", members)

    async def _versions(self, project: str, name: str) -> list[dict[str, Any]]:
        versions = await self._query("versions", project=project, name=name)
        if not versions:
            names = [row["Name"] for row in await self._query("listed", project=project)]
            known = f"the datasets are {', '.join(names[:20])}" if names else "there is no dataset yet"
            raise ApiError(
                404,
                "dataset_not_found",
                f"there is no dataset {name[:100]!r}{suggestion(name, names)}; {known}",
            )
        return versions

    async def _query(self, sql: str, **values: object) -> list[dict[str, Any]]:
        return await self._store.query(statement(__package__, sql), values)


def _chosen(name: str, versions: Sequence[Mapping[str, Any]], version: int | None) -> Mapping[str, Any]:
    for row in versions:
        if version in (None, row["Version"]):
            return row
    raise ApiError(
        404,
        "version_not_found",
        f"dataset {name!r} has no version {version}; its versions are 1 to {versions[0]['Version']}",
    )


def _place(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) < 2**64):
        raise QueryError(
            "invalid_cursor", f"{cursor[:80]!r} is not a cursor: pass on the next_cursor of a page as it is"
        )
    return int(cursor)


_COLUMNS: Final = {
    "RowId": "id",
    "Query": "query",
    "PositiveChunk": "positive_chunk",
    "HardNegativeChunk": "hard_negative_chunk",
    "EmbeddingModelVersion": "embedding_model_version",
    "ExpectedAnswer": "expected_answer",
    "PositiveIds": "positive_ids",
    "Metadata": "metadata",
    "TraceId": "trace_id",
    "DocumentId": "document_id",
    "HardNegativeId": "hard_negative_id",
    "Intent": "intent",
    "ModelVersion": "model_version",
    "Source": "source",
    "CreatedAt": "created_at",
}
"""The columns of `dataset_rows`, and the fields that they hold."""


def _stored(row: Row, project: str) -> dict[str, object]:
    """As a row of `dataset_rows`; one that does not say when it was made was made now."""
    fields = {column: getattr(row, field) for column, field in _COLUMNS.items()}
    said = {column: value for column, value in fields.items() if value is not None}
    return {**said, "Project": project, "Digest": row.digest}


def _row(stored: Mapping[str, Any]) -> Row:
    return Row.model_validate({field: stored[column] for column, field in _COLUMNS.items()})
