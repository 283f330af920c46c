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
anyHeavy array_agg boundingRatio contingency covar_pop covar_samp cramersV cume_dist deltaSum entropy
groupArrayLast groupBitAnd groupBitOr groupBitXor groupConcat
histogram intervalLengthSum kolmogorovSmirnovTest maxIntersections meanZTest medianExact medianTDigest
percent_rank quantileExactHigh quantileExactInclusive quantileExactLow
quantileExactWeighted quantilesTiming quantileTiming rankCorr retention sequenceCount
sequenceMatch stddev_pop stddev_samp sumCount sumKahan theilsU topKWeighted uniqCombined64 var_pop
var_samp windowFunnel
"""
_TEXT = """
base64Decode base64Encode concat concatWithSeparator empty endsWith extract extractAll hex initcap INITCAP left length
lengthUTF8 char_length like lower lowerUTF8 lcase match multiSearchAny ngramDistance normalizeUTF8NFC notEmpty
notLike ilike position POSITION positionCaseInsensitive locate regexpExtract replace replaceAll replaceOne
replaceRegexpAll replaceRegexpOne reverse right rtrim ltrim trim TRIM trimBoth trimLeft trimRight splitByChar
splitByString splitByRegexp startsWith substring SUBSTRING substringUTF8 substr tokens toString upper upperUTF8 ucase
JSONExtract JSONExtractArrayRaw JSONExtractBool JSONExtractFloat JSONExtractInt JSONExtractKeys
JSONExtractRaw JSONExtractString JSONHas JSONLength JSONType isValidJSON simpleJSONExtractString toJSONString
alphaTokens ascii concat_ws countMatches countSubstrings countSubstringsCaseInsensitive cutQueryString
decodeURLComponent domain domainWithoutWWW endsWithUTF8 extractAllGroups extractAllGroupsVertical
extractGroups extractURLParameter formatReadableDecimalSize formatReadableQuantity formatReadableSize
formatReadableTimeDelta hasSubsequence hasToken hasTokenCaseInsensitive JSON_EXISTS JSON_QUERY JSON_VALUE
JSONArrayLength JSONExtractKeysAndValues JSONExtractKeysAndValuesRaw JSONExtractUInt leftPad leftPadUTF8
leftUTF8 lpad multiSearchAllPositions multiSearchAnyCaseInsensitive multiSearchFirstIndex
multiSearchFirstPosition ngramDistanceCaseInsensitive ngrams ngramSearch ngramSearchCaseInsensitive notILike
path positionCaseInsensitiveUTF8 positionUTF8 queryString regexp_replace repeat reverseUTF8 rightPad
rightPadUTF8 rightUTF8 rpad simpleJSONExtractBool simpleJSONExtractFloat simpleJSONExtractInt
simpleJSONExtractRaw simpleJSONHas splitByNonAlpha splitByWhitespace startsWithUTF8 stringJaccardIndex
substring_index substringIndex topLevelDomain toValidUTF8 translate translateUTF8 unhex
visitParamExtractString
"""
_NUMBERS = """
abs cbrt ceil CEIL ceiling exp exp2 exp10 floor FLOOR greatest intDiv intDivOrZero isFinite isInfinite isNaN least ln
log log10 log2 mod modulo moduloOrZero negate plus minus multiply divide pow power round roundBankers sigmoid sign
sqrt tanh trunc truncate widthBucket e pi cos sin tan atan2
acos asin atan bin bitAnd bitCount bitNot bitOr bitShiftLeft bitShiftRight bitTest bitXor degrees divideOrNull
erf erfc factorial gcd hypot ifNotFinite lcm lgamma log1p max2 min2 minSampleSizeContinuous
minSampleSizeConversion moduloOrNull positiveModulo proportionsZTest radians roundDown roundDuration
roundToExp2 tgamma toDecimal128 toDecimal32 toDecimal64 toDecimal64OrNull
"""
_LOGIC_AND_TYPES = """
and or not xor if multiIf coalesce ifNull nullIf isNull isNotNull assumeNotNull toNullable equals notEquals
less lessOrEquals greater greaterOrEquals cast CAST toBool toFloat32 toFloat64 toInt8 toInt16 toInt32 toInt64
toUInt8 toUInt16 toUInt32 toUInt64 toTypeName toFloat64OrNull toFloat64OrZero toInt64OrNull toInt64OrZero
toUInt64OrNull toUInt64OrZero accurateCastOrNull caseWithExpression transform
accurateCast firstNonDefault isDistinctFrom isNotDistinctFrom isZeroOrNull toDateOrNull toDateTime64OrNull
toDateTimeOrNull toFixedString toFloat32OrNull toInt128 toInt16OrNull toInt32OrNull toInt32OrZero toInt8OrNull
toLowCardinality toUInt128 toUInt16OrNull toUInt32OrNull toUInt32OrZero toUInt8OrNull toUUID toUUIDOrNull
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
addMicroseconds addMilliseconds addNanoseconds addQuarters addYears age date date_diff date_format dateName
day dayofmonth dayofweek dayofyear EXTRACT from_unixtime hour last_day makeDate makeDateTime makeDateTime64
minute month monthName parseDateTime parseDateTime64BestEffortOrNull parseDateTimeBestEffortOrNull
parseDateTimeOrNull quarter second subtractMilliseconds subtractQuarters subtractYears timeDiff timeSlots
timeZoneOf timeZoneOffset toIntervalDay toIntervalHour toIntervalMinute toIntervalMonth toIntervalQuarter
toIntervalSecond toIntervalWeek toIntervalYear toISOYear toLastDayOfMonth toLastDayOfWeek toMillisecond
toMonday toRelativeDayNum toRelativeHourNum toRelativeMinuteNum toRelativeMonthNum toRelativeSecondNum
toRelativeWeekNum toRelativeYearNum toStartOfISOYear toStartOfMillisecond toTimeZone toYearWeek
toYYYYMMDDhhmmss week year
"""
_COLLECTIONS = """
array arrayAll arrayAvg arrayCompact arrayConcat arrayCount arrayCumSum arrayDifference arrayDistinct
arrayElement arrayEnumerate arrayEnumerateUniq arrayExists arrayFilter arrayFirst arrayFirstIndex arrayFlatten
arrayIntersect arrayJoin arrayLast arrayLastIndex arrayMap arrayMax arrayMin arrayPopBack arrayPopFront
arrayProduct arrayReverse arrayReverseSort arraySlice arraySort arrayStringConcat arraySum arrayUniq arrayZip
countEqual has hasAll hasAny hasSubstr indexOf map mapContains mapContainsKey mapFilter mapKeys mapValues
mapApply tuple tupleElement untuple cosineDistance L2Distance dotProduct
arrayAUC arrayAUCPR arrayCumSumNonNegative arrayDotProduct arrayElementOrNull arrayEnumerateDense arrayExcept
arrayFill arrayJaccardIndex arrayPushBack arrayPushFront arrayRemove arrayResize arrayReverseFill
arrayReverseSplit arrayRotateLeft arrayRotateRight arrayShiftLeft arrayShiftRight arraySplit
arraySymmetricDifference arrayUnion arrayWithConstant bar flatten hasAllTokens hasAnyTokens
indexOfAssumeSorted L1Distance L1Norm L2Norm L2SquaredDistance LinfDistance mapAdd mapAll mapConcat
mapContainsKeyLike mapContainsValue mapExists mapExtractKeyLike mapFromArrays mapPopulateSeries mapReverseSort
mapSort mapSubtract mapUpdate range scalarProduct tupleConcat tupleDivide tupleMinus tupleMultiply tuplePlus
tupleToNameValuePairs
"""
_HASHES = "cityHash64 sipHash64 xxHash64 xxHash32 MD5 SHA256 halfMD5"
# Those that take a function first: a lambda, or (seen on 26.9) the bare name of any function there is.
TAKING_A_FUNCTION: frozenset[str] = frozenset(
    """
    arrayAll arrayAvg arrayCompact arrayCount arrayCumSum arrayCumSumNonNegative arrayDifference arrayExists
    arrayFill arrayFilter arrayFirst arrayFirstIndex arrayLast arrayLastIndex arrayMap arrayMax arrayMin
    arrayProduct arrayReverseFill arrayReverseSort arrayReverseSplit arraySort arraySplit arraySum mapAll
    mapApply mapExists mapFilter mapReverseSort mapSort
    """.split()  # noqa: SIM905 - reads as words
)
# A type with parameters reads like a call in rendered SQL: CAST(x AS DateTime64(3)).
_TYPES = "Array DateTime64 Decimal Decimal32 Decimal64 FixedString LowCardinality Map Nullable Tuple"

# Those that the engine knows in capitals too, as people write SQL.
ANY_CASE: frozenset[str] = frozenset(
    """
    abs acos age array_agg ascii asin atan avg bin ceil ceiling coalesce concat concat_ws corr cos count
    countsubstrings covar_pop covar_samp date date_format date_trunc datename day dayofmonth dayofweek
    dayofyear degrees dense_rank exp factorial first_value firstnondefault flatten floor from_unixtime
    greatest hassubsequence hastokencaseinsensitive hour hypot if ifnull isnull kolmogorovsmirnovtest lag
    last_day last_value lcase lead least left length ln log log10 log2 lower lpad makedate makedatetime
    makedatetime64 max max2 min min2 minute mod month monthname now nth_value ntile nullif percent_rank pi
    position positivemodulo pow power quarter radians rank regexp_replace repeat replace reverse right round
    row_number rpad scalarproduct second sign sin sqrt stddev_pop stddev_samp substr substring substring_index
    sum tan tanh timediff today trunc truncate ucase unhex upper var_pop var_samp week year
    """.split()  # noqa: SIM905 - reads as words
)

_COMBINATORS = ("If", "Distinct", "OrNull", "OrDefault", "Array")
_AGGREGATE_NAMES = frozenset(_AGGREGATES.split())
FUNCTIONS: frozenset[str] = frozenset(
    [
        *" ".join([_TEXT, _NUMBERS, _LOGIC_AND_TYPES, _TIMES, _COLLECTIONS, _HASHES, _TYPES]).split(),
        *_AGGREGATE_NAMES,
        *(f"{name}{combinator}" for name in _AGGREGATE_NAMES for combinator in _COMBINATORS),
    ]
)
