"""Gate files: what is wrong is said in one line, with the key, the value and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groundtrace_collector.gating.gate_file import GateFileError, Limit, Live, Replay, Settings, read_gate

GUIDE = Path(__file__).parents[3] / "docs" / "gate.md"
LIVE = '[live]\nby = "encoder"\nbase = "old"\ncandidate = "new"\n'
REPLAY = '[replay]\ndataset = "golden"\nbase = "m:a"\ncandidate = "m:b"\n'
RULE = '[[rule]]\nkind = "no-regression"\nmetric = "recall@5"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("nonsense", "is not TOML", id="not-toml"),
        pytest.param("", "rule: a gate needs at least one [[rule]]", id="empty"),
        pytest.param(LIVE, "rule: a gate needs at least one [[rule]]", id="no-rules"),
        pytest.param("rule = []\n" + LIVE, "rule: a gate needs at least one [[rule]]", id="empty-rules"),
        pytest.param(RULE, "write one of them", id="nothing-to-compare"),
        pytest.param(LIVE + '[replay]\nreport = "r.json"\n' + RULE, "write one of them", id="two-sources"),
        pytest.param("[replay]\n" + RULE, "replay: write one of report", id="no-replay"),
        pytest.param(
            REPLAY + 'report = "r.json"\n' + RULE, "got report and dataset", id="a-report-and-a-replay"
        ),
        pytest.param(
            '[replay]\nreport = "r.json"\nby = "intent"\n' + RULE, "replay: by: a report has its own", id="by"
        ),
        pytest.param(
            '[replay]\ndataset = "golden"\nbase = "m:a"\n' + RULE,
            "replay: base and candidate are missing",
            id="one-encoder",
        ),
        pytest.param(
            REPLAY + 'since = "7d"\n' + RULE, "replay: since: these choose live queries", id="since"
        ),
        pytest.param(
            REPLAY + RULE + 'cohorts = "each"\n',
            "rule 1: cohorts = 'each' needs `by` in [replay]",
            id="no-by",
        ),
        pytest.param(
            REPLAY + RULE.replace("recall@5", "recal@5"),
            "rule 1: a replay has no metric 'recal@5'; did you mean recall@K?",
            id="metric-of-a-replay",
        ),
        pytest.param(
            REPLAY + RULE.replace("recall@5", "churn@5"), "rule 1: churn@5 has no difference", id="churn"
        ),
        pytest.param(LIVE.replace("new", "old") + RULE, "base and candidate are both 'old'", id="one-side"),
        pytest.param(
            LIVE + RULE + "delta = 0.1\n",
            "rule 1.delta: a key that does not go here; docs/gate.md",
            id="lost-key",
        ),
        pytest.param(LIVE + RULE + "min_m = 3\n", "rule 1.min_m: unknown key", id="unknown-key"),
        pytest.param(
            LIVE + RULE + "min_n = 3\n",
            "rule 1.min_n: Input should be greater than or equal to 20, got 3",
            id="small-n",
        ),
        pytest.param(
            LIVE + RULE.replace("recall@5", "recal@5"), "rule 1: unknown metric 'recal@5'", id="metric"
        ),
        pytest.param(
            LIVE + RULE.replace("no-regression", "no-regress"),
            "rule 1: unknown kind 'no-regress'; did you mean no-regression?; there are limit, non-inferiority",
            id="kind",
        ),
        pytest.param(
            LIVE + '[[rule]]\nmetric = "mrr"\n', "rule 1: kind is missing: write one of limit,", id="no-kind"
        ),
        pytest.param(
            LIVE + RULE.replace("[[rule]]", "[rule]"), "rule: write [[rule]] in two brackets", id="one"
        ),
        pytest.param(
            LIVE + RULE + 'cohorts = "each"\n',
            "rule 1: cohorts = 'each' needs `cohort` in [live]",
            id="no-cohort",
        ),
        pytest.param(
            LIVE + RULE + 'cohorts = ["billing"]\n',
            "rule 1: cohorts = ['billing'] needs `cohort` in [live]",
            id="cohort-by-name",
        ),
        pytest.param(
            LIVE + RULE.replace("no-regression", "non-inferiority") + "delta = -1\n",
            "rule 1.delta: Input should be greater than 0, got -1",
            id="delta",
        ),
        pytest.param(
            LIVE + RULE.replace("no-regression", "limit"),
            "a limit needs one of at_least and at_most",
            id="no-limit",
        ),
        pytest.param(
            LIVE + '[[rule]]\nkind = "limit"\npreset = "x"\n',
            "unknown preset 'x': there are margin_0.18",
            id="preset",
        ),
        pytest.param(
            LIVE + '[[rule]]\nkind = "limit"\npreset = "margin_0.18"\nat_least = 1\n',
            "says at_least already",
            id="preset-and-limit",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "gate.toml").write_text(text)

    with pytest.raises(GateFileError) as caught:
        read_gate(tmp_path / "gate.toml")

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "gate.toml") in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GateFileError, match="No such file"):
        read_gate(tmp_path / "none.toml")


def test_the_preset_is_a_margin_read_at_the_point(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(
        '[replay]\nreport = "r.json"\n[[rule]]\nkind = "limit"\npreset = "margin_0.18"\n'
    )

    (rule,) = read_gate(tmp_path / "gate.toml").rule

    assert isinstance(rule, Limit)
    assert (rule.metric, rule.at_least, rule.holds) == ("margin", 0.18, "point")


def test_the_guides_file_is_a_gate_and_names_every_key(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "gate.toml").write_text(text)

    gate = read_gate(tmp_path / "gate.toml")

    assert gate.live is not None
    assert gate.live.model_fields_set == Live.model_fields.keys()
    assert gate.gate.model_fields_set == Settings.model_fields.keys()
    replay = text[text.index("# [replay]") : text.index("[[rule]]")]
    assert [name for name in Replay.model_fields if not re.search(rf"\b{name}\b", replay)] == []
