-- What decides how the statements that follow run: the models whose calls may have a price, which are few whatever
-- the number of spans, and whether any trace names its gold documents.
SELECT
    groupUniqArrayIf(toString(Model), Model != '' AND NOT ifNull(isFinite(CostUsd), false) AND TokensPrompt IS NOT NULL) AS Models,
    countIf(notEmpty(GoldIds)) > 0 AS Gold
FROM spans
