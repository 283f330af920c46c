-- How many values there are, the quantile, and ranks and values of order statistics around it: SPREAD standard
-- errors to either side in STEPS steps.
arrayMap(
    sorted -> arrayMap(
        ranks -> tuple(
            length(sorted),
            sorted[greatest(1, toInt64(ceil(length(sorted) * LEVEL)))],
            ranks,
            arrayMap(rank -> sorted[rank], ranks)),
        [arrayDistinct(arrayMap(
            step -> least(length(sorted), greatest(1, toInt64(round(
                length(sorted) * LEVEL + step * SPREAD / STEPS * greatest(1, sqrt(length(sorted) * LEVEL * (1 - LEVEL))))))),
            range(-STEPS, STEPS + 1)))])[1],
    [arraySort(VALUES)])[1]
