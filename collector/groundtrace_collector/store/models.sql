-- The models whose calls may have a price: few, whatever the number of spans.
SELECT DISTINCT Model FROM spans WHERE Model != '' AND CostUsd IS NULL AND TokensPrompt IS NOT NULL
