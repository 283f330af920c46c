-- The same where the quantile is near the largest value: only what lies above is sorted.
tuple(
    COUNT AS qINDEX,
    greatest(1, toInt64(qINDEX * LEVEL - WIDTH) - 1) AS rINDEX,
    arrayReverse(arraySlice(arrayPartialReverseSort(qINDEX + 1 - rINDEX AS kINDEX, VALUES), 1, kINDEX)))
