-- How many values there are, the quantile, and (rank, value) of order statistics around it: SPREAD standard
-- errors to either side in STEPS steps.
arrayMap(
    sorted -> tuple(
        length(sorted),
        sorted[greatest(1, toInt64(ceil(length(sorted) * LEVEL)))],
        arrayMap(
            rank -> (rank, sorted[rank]),
            arrayDistinct(arrayMap(
                step -> least(length(sorted), greatest(1, toInt64(round(
                    length(sorted) * LEVEL + step * SPREAD / STEPS * greatest(1, sqrt(length(sorted) * LEVEL * (1 - LEVEL))))))),
                range(-STEPS, STEPS + 1))))),
    [arraySort(VALUES)])[1]
