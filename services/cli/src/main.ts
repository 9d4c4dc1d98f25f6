#!/usr/bin/env node
// `fencepost`: hands the command line, the environment and the terminal to run.ts.
import { once } from 'node:events'
import { run } from './run.ts'

const ended = new AbortController()
process.once('SIGINT', () => ended.abort())
process.once('SIGTERM', () => ended.abort())
// `fencepost tail | head`: whoever read has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await run(process.argv.slice(2), process.env, {
  ended: ended.signal,
  async out(line) {
    if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain')
  },
  err(line) {
    process.stderr.write(`${line}\n`)
  },
})
