"""The Lua: each script is one atomic step on a whole batch, and takes its batch as one flat list of arguments.

The shebang makes Redis refuse a script as a whole when it is out of memory, instead of in its middle; what does not
grow the cache is let through even then. Only one notification's arguments are ever unpacked at a time, because Lua's
stack holds but some thousands.
"""

from typing import Final

_SHARED: Final = """
local function run_id()
    return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function is_warm(marker)
    return redis.call('GET', marker) == run_id()
end

-- A time to live that is only ever made longer; GT alone passes over a key that has none.
local function keep(key, until_second)
    redis.call('EXPIREAT', key, until_second, 'NX')
    redis.call('EXPIREAT', key, until_second, 'GT')
end

local function is_news(cached_rank, cached_due, rank, due)
    if not cached_rank then return true end
    return rank > cached_rank or (rank == cached_rank and due >= cached_due)
end

-- In that due index and in no other; index 0 is none.
local function place(indexes, index, id, score, only_if_absent)
    for number, key in ipairs(indexes) do
        if number ~= index then
            redis.call('ZREM', key, id)
        elseif only_if_absent then
            redis.call('ZADD', key, 'NX', score, id)
        else
            redis.call('ZADD', key, score, id)
        end
    end
end
"""
_GROWS: Final = "#!lua" + _SHARED
_DOES_NOT_GROW: Final = "#!lua flags=allow-oom" + _SHARED

#: KEYS: buckets, the due indexes. ARGV: prefix of entries, prefix of buckets, KEPT in seconds, width of an item; then
#: items: id, bucket, bucket member, second of expiry, number of its due index, score, rank, due_at, and the pairs of
#: field and value. Lives for KEPT even when it has expired long ago: else the sweeper, which puts back what is
#: overdue, and a producer that finds nothing would go round for ever.
PUT: Final = _GROWS + """
local entries, buckets, kept, width = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local indexes = {KEYS[2], KEYS[3]}
local now = tonumber(redis.call('TIME')[1])
local bucket_until = {}

for i = 5, #ARGV, width do
    local id, bucket, member, expires, index, score, rank, due =
        ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), ARGV[i + 5],
        tonumber(ARGV[i + 6]), ARGV[i + 7]
    local entry = entries .. id
    local cached = redis.call('HMGET', entry, 'rank', 'due_at')
    local cached_rank = tonumber(cached[1])
    if is_news(cached_rank, cached[2], rank, due) then
        local until_second = math.max(expires, now) + kept
        redis.call('HSET', entry, unpack(ARGV, i + 8, i + width - 1))
        keep(entry, until_second)
        redis.call('ZADD', buckets .. bucket, 0, member)
        bucket_until[bucket] = math.max(bucket_until[bucket] or 0, until_second)
        -- What a producer has just taken stays hidden when it is put again unchanged.
        place(indexes, index, id, score, cached_rank == rank and cached[2] == due)
    end
end

for bucket, until_second in pairs(bucket_until) do
    keep(buckets .. bucket, until_second)
    redis.call('ZADD', KEYS[1], 'GT', until_second, bucket)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
"""

#: KEYS: buckets, the due indexes. ARGV: prefix of entries, prefix of buckets, KEPT in seconds, width of an item; then
#: items: id, state, attempt, rank, due_at, number of its due index, score, second of the step if it ended (else
#: empty), whether it goes back from FAILED.
FOLLOW: Final = _DOES_NOT_GROW + """
local entries, buckets, kept, width = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local indexes = {KEYS[2], KEYS[3]}
local waited_in = {STAGED = 1, RETRY = 2} -- the only index that an entry of that state can be in
local now = tonumber(redis.call('TIME')[1])
local bucket_until = {}

for i = 5, #ARGV, width do
    local id, state, attempt, rank, due, index, score, ended, goes_back =
        ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], tonumber(ARGV[i + 5]), ARGV[i + 6],
        tonumber(ARGV[i + 7]), ARGV[i + 8] == '1'
    local entry = entries .. id
    local cached = redis.call('HMGET', entry, 'rank', 'due_at', 'state', 'timezone', 'date')
    local cached_rank = tonumber(cached[1])
    if goes_back and cached[3] == 'FAILED' then rank = math.max(rank, cached_rank + 1) end
    if not cached_rank then
        place(indexes, 0, id)
    elseif is_news(cached_rank, cached[2], rank, due) then
        redis.call('HSET', entry, 'state', state, 'attempt', attempt, 'due_at', due,
            'rank', string.format('%.0f', rank))
        if index > 0 then
            place(indexes, index, id, score, cached_rank == rank and cached[2] == due)
        elseif waited_in[cached[3]] then
            redis.call('ZREM', indexes[waited_in[cached[3]]], id)
        end
        local until_second = math.max(ended or 0, now) + kept
        if ended then
            redis.call('EXPIREAT', entry, until_second)
        else
            redis.call('EXPIREAT', entry, until_second, 'GT')
        end
        local bucket = cached[4] .. ':' .. cached[5]
        bucket_until[bucket] = math.max(bucket_until[bucket] or 0, until_second)
    end
end

for bucket, until_second in pairs(bucket_until) do
    keep(buckets .. bucket, until_second)
    redis.call('ZADD', KEYS[1], 'XX', 'GT', until_second, bucket)
end
"""

#: KEYS: the due index, warm. ARGV: prefix of entries, the state that waits there, now in ms, the score that hides, how
#: many to look at. Answers nothing when cold, else how many it looked at and the fields of each that is due.
DUE: Final = _DOES_NOT_GROW + """
if not is_warm(KEYS[2]) then return false end
local entries, state, now, hidden, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local found, hide = {}, {}
local ids = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
for _, id in ipairs(ids) do
    local entry = entries .. id
    local fields = redis.call(
        'HMGET', entry, 'user', 'category', 'channel', 'attempt', 'send_at', 'expires_at', 'state')
    if fields[7] == state then
        hide[#hide + 1] = hidden
        hide[#hide + 1] = id
        fields[7] = id
        found[#found + 1] = fields
    else
        redis.call('ZREM', KEYS[1], id)
    end
end
if #hide > 0 then redis.call('ZADD', KEYS[1], unpack(hide)) end
return {#ids, found}
"""

#: KEYS: warm. Answers 1 or 0.
IS_WARM: Final = _DOES_NOT_GROW + "return is_warm(KEYS[1]) and 1 or 0"

#: KEYS: warm, rebuild. A cache that is being forgotten is cold from its first moment.
BEGIN_REBUILD: Final = _DOES_NOT_GROW + """
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[2], run_id())
"""

#: KEYS: warm, rebuild. ARGV: 1 when the caller has begun a rebuild; if the mark of that is gone, or is another run's,
#: the cache was lost meanwhile and stays cold.
WARM: Final = _DOES_NOT_GROW + """
if ARGV[1] == '1' and redis.call('GET', KEYS[2]) ~= run_id() then return 0 end
redis.call('SET', KEYS[1], run_id())
redis.call('UNLINK', KEYS[2])
return 1
"""

#: KEYS: buckets, the due indexes, one bucket. ARGV: prefix of entries, the bucket's name, then bucket members. Answers
#: how many entries there were.
FORGET: Final = _DOES_NOT_GROW + """
local count = 0
for i = 3, #ARGV do
    local id = string.match(ARGV[i], ':(.+)$')
    count = count + redis.call('UNLINK', ARGV[1] .. id)
    place({KEYS[2], KEYS[3]}, 0, id)
    redis.call('ZREM', KEYS[4], ARGV[i])
end
if redis.call('EXISTS', KEYS[4]) == 0 then redis.call('ZREM', KEYS[1], ARGV[2]) end
return count
"""
