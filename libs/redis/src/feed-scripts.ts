// The scripts of the feed. All its keys share one hash tag, so that a script may make names of keys from the prefix.
import type { Redis } from 'ioredis'

/** Begins an epoch where there is none. Returns epoch, seq, hash. */
const BEGIN = `
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'seq', '0', 'hash', ARGV[2])
end
return redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'hash')`

/**
 * Compares the head, then makes a step of it. ARGV: prefix, epoch, hash, seq, next hash, step, audit, steps kept, audit kept, stage, then
 * four values a document: kind, tenant, id, '-' or '+' and its body. Returns nil, or the head that is there.
 */
const APPEND = `
local prefix = ARGV[1]
local head = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'hash')
local seq = tonumber(ARGV[4])
if head[1] ~= ARGV[2] or head[3] ~= ARGV[3] or tonumber(head[2]) + 1 ~= seq then
  return {head[1] or '', head[2] or '0', head[3] or ''}
end
local stages = prefix .. 'stages'
if ARGV[10] ~= '' then redis.call('HSET', stages, ARGV[10], ARGV[4]) end
local keep = redis.call('HLEN', stages) > 0
for i = 11, #ARGV, 4 do
  local kind, tenant, id, body = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local docs, ids, field = prefix .. 'docs:' .. kind, prefix .. 'ids:' .. kind .. ':' .. tenant, tenant .. '\\0' .. id
  if string.sub(body, 1, 1) == '+' then
    redis.call('HSET', docs, field, ARGV[4] .. '\\n' .. string.sub(body, 2))
    redis.call('ZADD', ids, 0, id)
    redis.call('SADD', prefix .. 'tenants:' .. kind, tenant)
  else
    -- While a stage is being folded in, what was removed after it must not come back.
    if keep then redis.call('HSET', docs, field, ARGV[4] .. '\\n') else redis.call('HDEL', docs, field) end
    redis.call('ZREM', ids, id)
  end
end
redis.call('HSET', KEYS[1], 'seq', ARGV[4], 'hash', ARGV[5])
redis.call('HSET', prefix .. 'steps', ARGV[4], ARGV[6])
redis.call('HDEL', prefix .. 'steps', tostring(seq - tonumber(ARGV[8])))
redis.call('LPUSH', prefix .. 'audit', ARGV[7])
redis.call('LTRIM', prefix .. 'audit', 0, tonumber(ARGV[9]) - 1)
redis.call('PUBLISH', prefix .. 'changed', ARGV[4])
return false`

/** Folds fields of a taken stage into the documents, unless those are newer. ARGV: prefix, seq, then field (kind \\0 tenant \\0 id) and body. */
const FOLD = `
local prefix = ARGV[1]
for i = 3, #ARGV, 2 do
  local a = string.find(ARGV[i], '\\0', 1, true)
  local b = string.find(ARGV[i], '\\0', a + 1, true)
  local kind, tenant, id = string.sub(ARGV[i], 1, a - 1), string.sub(ARGV[i], a + 1, b - 1), string.sub(ARGV[i], b + 1)
  local docs, ids, field = prefix .. 'docs:' .. kind, prefix .. 'ids:' .. kind .. ':' .. tenant, tenant .. '\\0' .. id
  local there = redis.call('HGET', docs, field)
  if not there or tonumber(string.match(there, '^%d+')) < tonumber(ARGV[2]) then
    if ARGV[i + 1] == '' then
      redis.call('HDEL', docs, field)
      redis.call('ZREM', ids, id)
    else
      redis.call('HSET', docs, field, ARGV[2] .. '\\n' .. ARGV[i + 1])
      redis.call('ZADD', ids, 0, id)
      redis.call('SADD', prefix .. 'tenants:' .. kind, tenant)
    end
  end
end
return true`

/** Forgets the head, and with it all; the rest is unlinked afterwards, a name at a time. ARGV: epoch, hash. */
const CLEAR = `
local head = redis.call('HMGET', KEYS[1], 'epoch', 'hash')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
return 1`

/** The commands that the scripts are. */
export interface FeedCommands {
  feedBegin(head: string, epoch: string, hash: string): Promise<[string, string, string]>
  feedAppend(head: string, ...args: string[]): Promise<[string, string, string] | null>
  feedClear(head: string, epoch: string, hash: string): Promise<number>
  feedFold(head: string, ...args: string[]): Promise<unknown>
}

export function withFeedCommands(redis: Redis): Redis & FeedCommands {
  redis.defineCommand('feedBegin', { numberOfKeys: 1, lua: BEGIN })
  redis.defineCommand('feedAppend', { numberOfKeys: 1, lua: APPEND })
  redis.defineCommand('feedClear', { numberOfKeys: 1, lua: CLEAR })
  redis.defineCommand('feedFold', { numberOfKeys: 1, lua: FOLD })
  return redis as Redis & FeedCommands
}
