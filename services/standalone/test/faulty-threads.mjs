// Preloaded into a node (`node --import`): at each SIGUSR2 one of its serving threads fails, by turns, and in the next of the ways
// that FENCEPOST_TEST_FAULTS lists. Nothing in the node knows of it.
import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads'

const faults = process.env.FENCEPOST_TEST_FAULTS.split(',')
const channel = new BroadcastChannel('fencepost-test-faults')
channel.unref()

if (isMainThread) {
  let turn = 0
  process.on('SIGUSR2', () => {
    channel.postMessage({ thread: 1 + (turn % 2), fault: faults[turn % faults.length] })
    turn++
  })
} else if (workerData?.thread !== undefined) {
  const fail = {
    throw: () => setTimeout(raise, 0),
    reject: () => Promise.reject(secret()),
    exit: () => process.exit(7),
    'reject in a request': () => inTheNextRequest(() => Promise.reject(secret())),
    'exit in a request': () => inTheNextRequest(() => process.exit(7)),
    hang,
    'hang in a request': () => inTheNextRequest(hang),
  }
  channel.onmessage = ({ data: { thread, fault } }) => {
    if (thread === workerData.thread) fail[fault]()
  }
}

// The pipeline asks what time it is while the HTTP server has called it and waits for it to return.
function inTheNextRequest(then) {
  const now = Date.now
  Date.now = () => {
    if (!new Error('where').stack.includes('pipeline.js')) return now()
    Date.now = now
    then()
    return now()
  }
}

function hang() {
  for (;;);
}

function raise() {
  throw secret()
}

function secret() {
  return new RangeError('a message that no log may show')
}
