# ruff: noqa: RUF001 - other scripts are the point here
"""Every evaluator that reads text tells right from wrong in languages without spaces or capitals."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from groundtrace_evaluators import Case, get


class Texts(NamedTuple):
    """One question with a right and a wrong answer, and its context beside one about something else."""

    query: str
    other_query: str
    context: str
    other_context: str
    answer: str
    wrong: str
    refusal: str


LANGUAGES = {
    "zh": Texts(
        query="哥达隧道有多长？",
        other_query="面包怎么烤？",
        context="哥达隧道于2016年6月1日开通，全长57.1公里。施工期间有九名工人遇难。",
        other_context="面包由面粉、水和酵母制成，需要烤四十分钟。",
        answer="哥达隧道全长57.1公里。",
        wrong="哥达隧道由罗马皇帝建造，全长80公里。",
        refusal="无法回答。",
    ),
    "ja": Texts(
        query="ゴッタルドトンネルの長さは？",
        other_query="パンはどう焼きますか？",
        context="ゴッタルドトンネルは2016年6月1日に開通し、長さは57.1キロです。建設中に九人が亡くなりました。",
        other_context="パンは小麦粉と水と酵母から作り、四十分焼きます。",
        answer="ゴッタルドトンネルの長さは57.1キロです。",
        wrong="ゴッタルドトンネルはローマ皇帝が建設し、長さは80キロです。",
        refusal="わかりません。",
    ),
    "th": Texts(
        query="อุโมงค์ก็อตฮาร์ดยาวเท่าไร",
        other_query="อบขนมปังอย่างไร",
        context="อุโมงค์ก็อตฮาร์ดเปิดในปี 2016 และยาว 57.1 กิโลเมตร คนงานเก้าคนเสียชีวิต",
        other_context="ขนมปังทำจากแป้ง น้ำ และยีสต์ อบสี่สิบนาที",
        answer="อุโมงค์ก็อตฮาร์ดยาว 57.1 กิโลเมตร",
        wrong="อุโมงค์ก็อตฮาร์ดสร้างโดยจักรพรรดิโรมัน ยาว 80 กิโลเมตร",
        refusal="ไม่ทราบ",
    ),
    "ar": Texts(
        query="ما طول نفق غوتهارد؟",
        other_query="كيف يخبز الخبز؟",
        context="افتتح نفق غوتهارد في ١ يونيو 2016 ويبلغ طوله 57.1 كيلومترا. توفي تسعة عمال أثناء البناء.",
        other_context="يصنع الخبز من الدقيق والماء والخميرة ويخبز أربعين دقيقة.",
        answer="يبلغ طول نفق غوتهارد 57.1 كيلومترا.",
        wrong="بنى إمبراطور روماني نفق غوتهارد وطوله 80 كيلومترا.",
        refusal="لا أعرف.",
    ),
    "de": Texts(
        query="Wie lang ist der Gotthardtunnel?",
        other_query="Wie backt man Brot?",
        context="Der Gotthardtunnel wurde am 1. Juni 2016 eröffnet und ist 57,1 Kilometer lang. Neun Arbeiter starben.",
        other_context="Brot besteht aus Mehl, Wasser und Hefe und wird vierzig Minuten gebacken.",
        answer="Der Gotthardtunnel ist 57,1 Kilometer lang.",
        wrong="Der Gotthardtunnel wurde von einem römischen Kaiser gebaut und ist 80 Kilometer lang.",
        refusal="Ich weiß es nicht.",
    ),
}

Pair = Callable[[Texts], tuple[Case, Case]]

# Which case must score higher than which.
BETTER: dict[str, Pair] = {
    "groundedness": lambda t: (
        Case(query=t.query, context=(t.context,), answer=t.answer),
        Case(query=t.query, context=(t.context,), answer=t.wrong),
    ),
    "hallucination_score": lambda t: (
        Case(query=t.query, context=(t.context,), answer=t.wrong),
        Case(query=t.query, context=(t.context,), answer=t.answer),
    ),
    "context_relevance": lambda t: (
        Case(query=t.query, context=(t.context,)),
        Case(query=t.query, context=(t.other_context,)),
    ),
    "answer_relevance": lambda t: (
        Case(query=t.query, context=(t.context,), answer=t.answer),
        Case(query=t.other_query, context=(t.context,), answer=t.answer),
    ),
    "citation_correctness": lambda t: (
        Case(context=(t.context, t.other_context), answer=f"{t.answer} [1]"),
        Case(context=(t.context, t.other_context), answer=f"{t.answer} [2]"),
    ),
    "context_recall": lambda t: (
        Case(query=t.query, context=(t.context,), expected=t.answer),
        Case(query=t.query, context=(t.other_context,), expected=t.answer),
    ),
    "context_precision": lambda t: (
        Case(query=t.query, context=(t.context, t.other_context), expected=t.answer),
        Case(query=t.query, context=(t.other_context, t.context), expected=t.answer),
    ),
    "refusal": lambda t: (Case(answer=t.refusal), Case(answer=t.answer)),
    "embedding_similarity": lambda t: (
        Case(query=t.answer, context=(t.context,)),
        Case(query=t.answer, context=(t.other_context,)),
    ),
    "cache_intent_match": lambda t: (
        Case(query=t.query, cached_query=t.query),
        Case(query=t.query, cached_query=t.other_query),
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BETTER)
def test_right_outscores_wrong_in_every_script(name: str, language: str) -> None:
    better, worse = (get(name).evaluate_case(case) for case in BETTER[name](LANGUAGES[language]))

    assert better.score is not None, better
    assert worse.score is not None, worse
    assert better.score > worse.score


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_that_declines_is_no_number_in_any_script(language: str) -> None:
    texts = LANGUAGES[language]

    score = get("groundedness").evaluate_case(Case(context=(texts.context,), answer=texts.refusal))

    assert (score.score, score.status) == (None, "abstained")
