// The entry of a serving thread; all of it is in serve-in-thread.ts.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { ThreadOrder } from './order.ts'
import { serveInThread } from './serve-in-thread.ts'

serveInThread(parentPort as MessagePort, workerData as ThreadOrder)
