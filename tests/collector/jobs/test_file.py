"""Jobs in a TOML file, and what `jobs apply` makes of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundtrace_collector.errors import ConfigError
from groundtrace_collector.jobs.file import read_jobs
from tests.collector.jobs.processes import groundtrace
from tests.e2e.collector_process import CollectorProcess

FILE = """
[jobs.quality]
evaluators = ["groundedness"]

[jobs."judged"]
evaluators = ["context_relevance"]
where = "not incomplete"
sample = 0.05
always = "score.groundedness < 0.3"
budget_usd = "5/day"
every = "5m"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    home = tmp_path_factory.mktemp("apply")
    process = CollectorProcess(store=f"chdb://{home}/store", home=home, arguments=["--no-worker"])
    process.start()
    yield process
    process.stop()


def test_a_file_holds_jobs_with_all_their_fields(tmp_path: Path) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text(FILE)

    quality, judged = read_jobs(file)

    assert (quality.name, quality.evaluators, quality.sample) == ("quality", ("groundedness",), 1.0)
    assert (judged.name, judged.always, judged.budget_usd, judged.every) == (
        "judged",
        "score.groundedness < 0.3",
        "5/day",
        "5m",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[jobs.a\n", r"cannot be read: .*line 1", id="no-toml"),
        pytest.param("", r"found no table", id="empty"),
        pytest.param("[job.a]\n", r"found job", id="other-table"),
        pytest.param("[jobs]\na = 3\n", r"jobs\.a: a job is a table", id="no-table"),
        pytest.param(FILE.replace("0.05", "5"), r"line 8, jobs\.judged: sample must be above 0", id="sample"),
        pytest.param(
            FILE.replace("budget_usd", "cohorts_of"), r"line 10, jobs\.judged: cohorts_of", id="owner"
        ),
        pytest.param(FILE.replace('"5m"', '"5y"'), r"line 11, jobs\.judged: every '5y'", id="every"),
        pytest.param(FILE.replace("5/day", "5"), r"line 10, jobs\.judged: budget_usd '5'", id="budget"),
        pytest.param("[jobs.a]\nsample = 0.1\n", r"line 1, jobs\.a: evaluators is missing", id="missing"),
        pytest.param(FILE + "color = 1\n", r"line 12, jobs\.judged: color: extra", id="unknown-field"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_line_job_and_field(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=words):
        read_jobs(file)


@pytest.mark.verify
def test_applying_a_file_adds_changes_keeps_and_prunes(server: CollectorProcess, tmp_path: Path) -> None:
    file = tmp_path / "jobs.toml"

    def applied(text: str, *options: str) -> dict[str, str]:
        file.write_text(text)
        done = groundtrace("jobs", "apply", str(file), "--json", *options, url=server.url)
        assert done.returncode == 0, done.stderr
        what: dict[str, str] = json.loads(done.stdout)["jobs"]
        return what

    assert applied(FILE) == {"quality": "added", "judged": "added"}
    assert applied(FILE) == {"quality": "unchanged", "judged": "unchanged"}
    only = FILE[FILE.index('[jobs."judged"]') :].replace('where = "not incomplete"\n', "")
    assert applied(only, "--prune") == {"judged": "changed", "quality": "removed"}
    (job,) = server.get("/api/v1/jobs")["jobs"]
    assert (job["name"], job["where"], job["budget"]["day_usd"]) == ("judged", None, 5.0)

    file.write_text(FILE.replace('"groundedness"', '"nope"'))
    refused = groundtrace("jobs", "apply", str(file), url=server.url)
    assert refused.returncode == 1
    assert "jobs.quality: no evaluator is named 'nope'" in refused.stderr
