"""The table of jobs: one row a job, the newest sequence stands."""

import logging
from collections.abc import Mapping
from typing import Any

from groundtrace_collector.jobs.job import Job, JobSpec, JobState
from groundtrace_collector.store.sql import statement
from groundtrace_collector.store.store import Store

logger = logging.getLogger(__name__)


async def load_jobs(store: Store) -> dict[str, Job]:
    """All jobs that are not removed, by name. A row that this version cannot read is logged and left out."""
    jobs = {}
    for row in await store.query(statement(__package__, "jobs")):
        try:
            jobs[row["Name"]] = _job(row)
        except ValueError:
            logger.exception("job %s is left out, its row cannot be read", row["Name"])
    return jobs


async def save_job(store: Store, job: Job) -> None:
    """Write the job as it stands now."""
    row = {
        "Name": job.name,
        "Spec": job.spec.model_dump_json(),
        "State": job.state.value,
        "Cursor": job.cursor,
        "LastRunAt": job.last_run_at,
        "CreatedAt": job.created_at,
        "Seq": store.next_seq(),
    }
    await store.insert("jobs", [row])


def _job(row: Mapping[str, Any]) -> Job:
    return Job(
        spec=JobSpec.model_validate_json(row["Spec"]),
        state=JobState(row["State"]),
        cursor=row["Cursor"],
        created_at=row["CreatedAt"],
        last_run_at=row["LastRunAt"],
    )
