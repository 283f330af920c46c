"""The ClickHouse functions that a user's SQL may call, by the names that the engine knows them by.

None reads anything but its arguments: no files, addresses, dictionaries, settings, other tables or the
server's own state; none sleeps or raises on demand.
"""

_AGGREGATES = """
any anyLast argMax argMin avg avgWeighted corr count covarPop covarSamp exponentialMovingAverage
groupArray groupUniqArray max median min quantile quantileExact quantileTDigest quantiles quantilesExact
quantilesTDigest simpleLinearRegression skewPop skewSamp kurtPop kurtSamp stddevPop stddevSamp sum sumMap topK
uniq uniqCombined uniqExact uniqHLL12 varPop varSamp welchTTest studentTTest mannWhitneyUTest
any_value row_number rank dense_rank ntile first_value last_value nth_value lagInFrame leadInFrame lag lead
"""
_TEXT = """
base64Decode base64Encode concat concatWithSeparator empty endsWith extract extractAll hex initcap INITCAP left length
lengthUTF8 char_length like lower lowerUTF8 lcase match multiSearchAny ngramDistance normalizeUTF8NFC notEmpty
notLike ilike position POSITION positionCaseInsensitive locate regexpExtract replace replaceAll replaceOne
replaceRegexpAll replaceRegexpOne reverse right rtrim ltrim trim TRIM trimBoth trimLeft trimRight splitByChar
splitByString splitByRegexp startsWith substring SUBSTRING substringUTF8 substr tokens toString upper upperUTF8 ucase
JSONExtract JSONExtractArrayRaw JSONExtractBool JSONExtractFloat JSONExtractInt JSONExtractKeys
JSONExtractRaw JSONExtractString JSONHas JSONLength JSONType isValidJSON simpleJSONExtractString toJSONString
"""
_NUMBERS = """
abs cbrt ceil CEIL ceiling exp exp2 exp10 floor FLOOR greatest intDiv intDivOrZero isFinite isInfinite isNaN least ln
log log10 log2 mod modulo moduloOrZero negate plus minus multiply divide pow power round roundBankers sigmoid sign
sqrt tanh trunc truncate widthBucket e pi cos sin tan atan2
"""
_LOGIC_AND_TYPES = """
and or not xor if multiIf coalesce ifNull nullIf isNull isNotNull assumeNotNull toNullable equals notEquals
less lessOrEquals greater greaterOrEquals cast CAST toBool toFloat32 toFloat64 toInt8 toInt16 toInt32 toInt64
toUInt8 toUInt16 toUInt32 toUInt64 toTypeName toFloat64OrNull toFloat64OrZero toInt64OrNull toInt64OrZero
toUInt64OrNull toUInt64OrZero accurateCastOrNull caseWithExpression transform
"""
_TIMES = """
addDays addHours addMinutes addMonths addSeconds addWeeks dateDiff dateTrunc date_trunc DATE_DIFF DATE_ADD
DATE_SUB formatDateTime fromUnixTimestamp fromUnixTimestamp64Micro fromUnixTimestamp64Milli
fromUnixTimestamp64Nano now now64 parseDateTime64BestEffort parseDateTimeBestEffort subtractDays subtractHours
subtractMinutes subtractMonths subtractSeconds subtractWeeks timeSlot toDate toDate32 toDateTime toDateTime64
toDayOfMonth toDayOfWeek toDayOfYear toHour toISOWeek toMinute toMonth toQuarter toSecond toStartOfDay
toStartOfFifteenMinutes toStartOfFiveMinutes toStartOfFiveMinute toStartOfHour toStartOfInterval
toStartOfMinute toStartOfMonth toStartOfQuarter toStartOfSecond toStartOfTenMinutes toStartOfWeek
toStartOfYear toUnixTimestamp toUnixTimestamp64Micro toUnixTimestamp64Milli toUnixTimestamp64Nano toWeek
toYYYYMM toYYYYMMDD toYear today yesterday currentDate CURRENT_TIMESTAMP CURRENT_DATE
"""
_COLLECTIONS = """
array arrayAll arrayAvg arrayCompact arrayConcat arrayCount arrayCumSum arrayDifference arrayDistinct
arrayElement arrayEnumerate arrayEnumerateUniq arrayExists arrayFilter arrayFirst arrayFirstIndex arrayFlatten
arrayIntersect arrayJoin arrayLast arrayLastIndex arrayMap arrayMax arrayMin arrayPopBack arrayPopFront
arrayProduct arrayReverse arrayReverseSort arraySlice arraySort arrayStringConcat arraySum arrayUniq arrayZip
countEqual has hasAll hasAny hasSubstr indexOf map mapContains mapContainsKey mapFilter mapKeys mapValues
mapApply tuple tupleElement untuple cosineDistance L2Distance dotProduct
"""
_HASHES = "cityHash64 sipHash64 xxHash64 xxHash32 MD5 SHA256 halfMD5"
# Those that take a function first: a lambda, or (seen on 26.9) the bare name of any function there is.
TAKING_A_FUNCTION: frozenset[str] = frozenset(
    """
    arrayAll arrayAvg arrayCompact arrayCount arrayCumSum arrayDifference arrayExists arrayFilter arrayFirst
    arrayFirstIndex arrayLast arrayLastIndex arrayMap arrayMax arrayMin arrayProduct arrayReverseSort arraySort
    arraySum mapApply mapFilter
    """.split()  # noqa: SIM905 - reads as words
)
# A type with parameters reads like a call in rendered SQL: CAST(x AS DateTime64(3)).
_TYPES = "Array DateTime64 Decimal Decimal32 Decimal64 FixedString LowCardinality Map Nullable Tuple"

# Those that the engine knows in capitals too, as people write SQL.
ANY_CASE: frozenset[str] = frozenset(
    """
    abs avg ceil ceiling coalesce concat corr cos count date_trunc dense_rank exp first_value floor greatest if ifnull
    isnull lag last_value lcase lead least left length ln log log10 log2 lower max min mod now nth_value ntile nullif
    pi position pow power rank replace reverse right round row_number sign sin sqrt substr substring sum tan tanh
    today trunc truncate ucase upper
    """.split()  # noqa: SIM905 - reads as words
)

_AGGREGATE_NAMES = frozenset(_AGGREGATES.split())
FUNCTIONS: frozenset[str] = frozenset(
    [
        *" ".join([_TEXT, _NUMBERS, _LOGIC_AND_TYPES, _TIMES, _COLLECTIONS, _HASHES, _TYPES]).split(),
        *_AGGREGATE_NAMES,
        *(f"{name}{combinator}" for name in _AGGREGATE_NAMES for combinator in ("If", "Distinct", "OrNull")),
    ]
)
