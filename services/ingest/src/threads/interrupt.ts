// Breaks off what a thread is running, so that a thread caught in an endless loop can still close its sockets and leave.
// `Worker.terminate` would end it on the spot, and with an open socket the whole process. Only the inspector can do less than that;
// it is used from within, opens no port, and is not even loaded before the first thread hangs.

interface WorkerAttached {
  readonly params: { readonly sessionId: string; readonly workerInfo: { readonly title: string } }
}

/** Sees to it that thread `threadId` returns to its event loop. Does nothing in a Node that was built without the inspector. */
export async function interruptThread(threadId: number): Promise<void> {
  const inspector = await import('node:inspector').catch(() => null)
  if (inspector === null) return
  const session = new inspector.Session()
  session.connect()
  try {
    await new Promise<void>((resolve) => {
      session.on('NodeWorker.receivedMessageFromWorker', () => resolve())
      session.on('NodeWorker.attachedToWorker', ({ params: { sessionId, workerInfo } }: WorkerAttached) => {
        if (!workerInfo.title.startsWith(`[worker ${threadId}]`)) return
        const message = JSON.stringify({ id: 1, method: 'Runtime.terminateExecution' })
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
      })
      // Tells of every thread there is, one after the other; without ours there is nothing to wait for.
      session.post('NodeWorker.enable', { waitForDebuggerOnStart: false }, () =>
        setTimeout(resolve, GIVE_UP_MS).unref(),
      )
    })
  } finally {
    session.disconnect()
  }
}

/** A thread that hangs in native code hears nothing. */
const GIVE_UP_MS = 5000
