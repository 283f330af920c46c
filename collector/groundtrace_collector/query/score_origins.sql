-- Who gave the scores of these names, and what kinds of scores.
SELECT Name, Source, Evaluator, EvaluatorVersion, OfSpan, BeforeTrace, Ok
FROM score_origins
WHERE Name IN {names:Array(String)}
