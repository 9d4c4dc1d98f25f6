import { parseStrace } from '@fencepost/testbed'
import { expect, test } from 'vitest'

const TRACE = `101 1700000000.000100 write(5<socket:[7]>, "HTTP/1.1 200", 12) = 12
101 1700000000.000200 fdatasync(9</data/journal> <unfinished ...>
102 1700000000.000300 write(1</dev/null>, "x", 1) = 1
101 1700000000.000900 <... fdatasync resumed>) = 0
101 1700000000.001000 read(5<socket:[7]>, 0x1, 10) = -1 EAGAIN (Resource temporarily unavailable)
101 1700000000.002000 +++ exited with 0 +++
`

test('reads calls in the order in which they ended, joining those that another thread interrupted', () => {
  expect(parseStrace(TRACE).map((call) => [call.pid, call.name, call.result, call.began, call.ended])).toEqual([
    [101, 'write', '12', 0, 0],
    [102, 'write', '1', 2, 2],
    [101, 'fdatasync', '0', 1, 3],
    [101, 'read', '-1 EAGAIN (Resource temporarily unavailable)', 4, 4],
  ])
})

test('keeps the arguments and the time at which an interrupted call began', () => {
  const sync = parseStrace(TRACE).find((call) => call.name === 'fdatasync')
  expect(sync).toMatchObject({ args: '9</data/journal>', timeS: 1700000000.0002 })
})

test('gives nothing for an empty trace', () => {
  expect(parseStrace('')).toEqual([])
})
