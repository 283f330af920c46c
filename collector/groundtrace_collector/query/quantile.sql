-- How many values there are, the rank of the first that is kept, and in order those around the quantile.
tuple(COUNT AS qINDEX, greatest(1, toInt64(qINDEX * LEVEL - WIDTH) - 1) AS rINDEX, arraySlice(arraySort(VALUES), rINDEX, LENGTH))
