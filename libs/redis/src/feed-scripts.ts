// What the feed does in Redis in one go. Each script is small: it touches at most a page of documents, whatever a stage holds.
import type { Redis, Result } from 'ioredis'

/** The keys of a feed, in the order in which every script gets them. Their hash tag keeps them in one slot. */
export interface FeedKeys {
  /** Hash: epoch, seq, hash. */
  readonly head: string
  /** Stream: step `seq-0`. */
  readonly steps: string
  /** Stream: who did what, by the same ids. */
  readonly audit: string
  /** Hash: name -> `seq:body`. */
  readonly docs: string
  /** Sorted set of the names, all of score 0: in order of their bytes. */
  readonly names: string
  /** List of the stages that steps have taken and that are not among the documents yet: `seq:stage`, the earliest first. */
  readonly taken: string
  /** What the keys of a stage begin with: `<stage>:docs`, `<stage>:names` and, until it is taken, `<stage>:pieces`. */
  readonly stages: string
  /** Hash: node -> report. */
  readonly reports: string
  /** Last use of SDK keys. */
  readonly used: string
  /** Sorted set: node by the time of its report. */
  readonly reported: string
}

export function feedKeys(prefix: string): FeedKeys {
  const key = (name: string): string => `${prefix}:{feed}:${name}`
  return {
    head: key('head'),
    steps: key('steps'),
    audit: key('audit'),
    docs: key('docs'),
    names: key('names'),
    taken: key('taken'),
    stages: key('stage:'),
    reports: key('reports'),
    used: key('used'),
    reported: key('reported'),
  }
}

const COMMON = `
local HEAD, STEPS, AUDIT, DOCS, NAMES, TAKEN, STAGES = unpack(KEYS)
local function stage_keys(stage)
  return STAGES .. stage .. ':docs', STAGES .. stage .. ':names', STAGES .. stage .. ':pieces'
end
local function taken_stages()
  local all = {}
  for i, entry in ipairs(redis.call('LRANGE', TAKEN, 0, -1)) do
    local seq, stage = string.match(entry, '^(%d+):(.*)$')
    local docs, names = stage_keys(stage)
    all[i] = { seq = seq, stage = stage, docs = docs, names = names }
  end
  return all
end
local function is_taken(stage)
  for _, one in ipairs(taken_stages()) do
    if one.stage == stage then return true end
  end
  return false
end
local function put(name, value)
  redis.call('HSET', DOCS, name, value)
  redis.call('ZADD', NAMES, 0, name)
end
local function drop(docs, names, name)
  redis.call('HDEL', docs, name)
  redis.call('ZREM', names, name)
end
-- An empty Redis begins an epoch; steps and entries of one whose head is lost would stand in the way of its own.
local function head_or_begin(epoch, hash)
  local at = redis.call('HMGET', HEAD, 'epoch', 'seq', 'hash')
  if at[1] then return at end
  redis.call('HSET', HEAD, 'epoch', epoch, 'seq', '0', 'hash', hash)
  redis.call('UNLINK', STEPS, AUDIT)
  return { epoch, '0', hash }
end
`

/** epoch, hash: of the epoch that begins if there is none. */
const BEGIN = `${COMMON}
return head_or_begin(ARGV[1], ARGV[2])`

/** 1 epoch, 2 hash, 3 expected epoch, 4 expected hash, 5 seq, 6 hash, 7 step, 8 entry, 9 steps kept, 10 entries kept, 11 stage, 12 pieces that it must have (0: any), then names and values. */
const APPEND = `${COMMON}
local at = head_or_begin(ARGV[1], ARGV[2])
if at[1] ~= ARGV[3] or at[3] ~= ARGV[4] or tonumber(ARGV[5]) ~= tonumber(at[2]) + 1 then return at end
local stage = ARGV[11]
local stage_docs, stage_names, stage_pieces = stage_keys(stage)
if stage ~= '' then
  if ARGV[12] ~= '0' and redis.call('GET', stage_pieces) ~= ARGV[12] then return 'gone' end
end
redis.call('XADD', STEPS, 'MAXLEN', '=', ARGV[9], ARGV[5] .. '-0', 'step', ARGV[7])
redis.call('XADD', AUDIT, 'MAXLEN', '=', ARGV[10], ARGV[5] .. '-0', 'entry', ARGV[8])
redis.call('HSET', HEAD, 'seq', ARGV[5], 'hash', ARGV[6])
if stage ~= '' then
  redis.call('RPUSH', TAKEN, ARGV[5] .. ':' .. stage)
  redis.call('PERSIST', stage_docs)
  redis.call('PERSIST', stage_names)
  redis.call('DEL', stage_pieces)
end
local taken = taken_stages()
for i = 13, #ARGV, 2 do
  for _, one in ipairs(taken) do drop(one.docs, one.names, ARGV[i]) end
  if ARGV[i + 1] == '' then drop(DOCS, NAMES, ARGV[i]) else put(ARGV[i], ARGV[i + 1]) end
end
return #taken`

/** epoch, hash. The next that asks for the head begins another epoch. */
const CLEAR = `${COMMON}
local at = redis.call('HMGET', HEAD, 'epoch', 'hash')
if at[1] ~= ARGV[1] or at[2] ~= ARGV[2] then return 0 end
for _, one in ipairs(taken_stages()) do redis.call('UNLINK', one.docs, one.names) end
redis.call('UNLINK', HEAD, STEPS, AUDIT, DOCS, NAMES, TAKEN)
return 1`

/** stage, ms that it is kept if no step takes it, then names and bodies. */
const STAGE = `${COMMON}
if is_taken(ARGV[1]) then return 0 end
local docs, names, pieces = stage_keys(ARGV[1])
for i = 3, #ARGV, 2 do
  redis.call('HSET', docs, ARGV[i], ARGV[i + 1])
  redis.call('ZADD', names, 0, ARGV[i])
end
redis.call('INCR', pieces)
for _, key in ipairs({ docs, names, pieces }) do redis.call('PEXPIRE', key, ARGV[2]) end
return 1`

const UNSTAGE = `${COMMON}
if is_taken(ARGV[1]) then return 0 end
redis.call('UNLINK', stage_keys(ARGV[1]))
return 1`

/** rows, bytes at most. Moves rows of the earliest stage among the documents; returns how many stages are left. */
const TIDY = `${COMMON}
local one = taken_stages()[1]
if not one then return 0 end
local bytes = 0
for _, name in ipairs(redis.call('ZRANGE', one.names, 0, tonumber(ARGV[1]) - 1)) do
  local body = redis.call('HGET', one.docs, name) or ''
  if body == '' then drop(DOCS, NAMES, name) else put(name, one.seq .. ':' .. body) end
  drop(one.docs, one.names, name)
  bytes = bytes + #body
  if bytes >= tonumber(ARGV[2]) then break end
end
if redis.call('ZCARD', one.names) == 0 then
  redis.call('LPOP', TAKEN)
  redis.call('UNLINK', one.docs, one.names)
end
return redis.call('LLEN', TAKEN)`

/** name. A row of a stage that was taken is later than any row below it: a step takes out of it what it writes anew. */
const GET = `${COMMON}
local taken = taken_stages()
for i = #taken, 1, -1 do
  local body = redis.call('HGET', taken[i].docs, ARGV[1])
  if body == '' then return false end
  if body then return taken[i].seq .. ':' .. body end
end
return redis.call('HGET', DOCS, ARGV[1])`

/** from, to, rows, bytes at most. Returns epoch, seq, then the documents and each stage, the latest last: what its values begin with, whether it goes on, names and values. */
const PAGE = `${COMMON}
local function rows(before, docs, names)
  local found = redis.call('ZRANGEBYLEX', names, ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
  local out, bytes, count = { before, 0 }, 0, 0
  for _, name in ipairs(found) do
    local value = redis.call('HGET', docs, name) or ''
    out[#out + 1] = name
    out[#out + 1] = value
    count = count + 1
    bytes = bytes + #value
    if bytes >= tonumber(ARGV[4]) then break end
  end
  if count < #found or count == tonumber(ARGV[3]) then out[2] = 1 end
  return out
end
local at = redis.call('HMGET', HEAD, 'epoch', 'seq')
local out = { at[1] or '', at[2] or '0', rows('', DOCS, NAMES) }
for _, one in ipairs(taken_stages()) do out[#out + 1] = rows(one.seq .. ':', one.docs, one.names) end
return out`

/** after, steps, bytes at most. Nil: they are not all kept. */
const FOLLOW = `${COMMON}
local seq = tonumber(redis.call('HGET', HEAD, 'seq') or '0')
local after = tonumber(ARGV[1])
if after > seq then return false end
local out, bytes = {}, 0
for i = after + 1, math.min(seq, after + tonumber(ARGV[2])) do
  local id = string.format('%.0f-0', i)
  local found = redis.call('XRANGE', STEPS, id, id)[1]
  if not found then return #out > 0 and out or false end
  out[#out + 1] = found[2][2]
  bytes = bytes + #found[2][2]
  if bytes >= tonumber(ARGV[3]) then break end
end
return out`

/** node, time of the report, report, time before which a node is gone, ms to keep. */
const REPORT = `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[4], 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[1], node)
  redis.call('ZREM', KEYS[2], node)
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1`

export type HeadReply = [epoch: string, seq: string, hash: string]
/** Of the documents, or of a stage: what its values begin with, whether it goes on, then names and values in turns. */
export type SourceReply = [before: string, goesOn: number, ...rows: string[]]
type Args = (string | number)[]

declare module 'ioredis' {
  interface RedisCommander<Context> {
    feedBegin(...args: Args): Result<HeadReply, Context>
    feedAppend(...args: Args): Result<HeadReply | 'gone' | number, Context>
    feedClear(...args: Args): Result<number, Context>
    feedStage(...args: Args): Result<number, Context>
    feedUnstage(...args: Args): Result<number, Context>
    feedTidy(...args: Args): Result<number, Context>
    feedGet(...args: Args): Result<string | null, Context>
    feedPage(...args: Args): Result<[epoch: string, seq: string, ...sources: SourceReply[]], Context>
    feedFollow(...args: Args): Result<string[] | null, Context>
    feedReport(...args: Args): Result<number, Context>
  }
}

/** The scripts of the feed with these keys, by what they do. */
export function feedScripts(redis: Redis, keys: FeedKeys) {
  const own = [keys.head, keys.steps, keys.audit, keys.docs, keys.names, keys.taken, keys.stages]
  const lua = {
    feedBegin: BEGIN,
    feedAppend: APPEND,
    feedClear: CLEAR,
    feedStage: STAGE,
    feedUnstage: UNSTAGE,
    feedTidy: TIDY,
    feedGet: GET,
    feedPage: PAGE,
    feedFollow: FOLLOW,
  }
  for (const [name, text] of Object.entries(lua)) redis.defineCommand(name, { numberOfKeys: own.length, lua: text })
  redis.defineCommand('feedReport', { numberOfKeys: 2, lua: REPORT })
  return {
    begin: (...args: Args) => redis.feedBegin(...own, ...args),
    append: (...args: Args) => redis.feedAppend(...own, ...args),
    clear: (...args: Args) => redis.feedClear(...own, ...args),
    stage: (...args: Args) => redis.feedStage(...own, ...args),
    unstage: (...args: Args) => redis.feedUnstage(...own, ...args),
    tidy: (...args: Args) => redis.feedTidy(...own, ...args),
    get: (...args: Args) => redis.feedGet(...own, ...args),
    page: (...args: Args) => redis.feedPage(...own, ...args),
    follow: (...args: Args) => redis.feedFollow(...own, ...args),
    report: (...args: Args) => redis.feedReport(keys.reports, keys.reported, ...args),
  }
}
