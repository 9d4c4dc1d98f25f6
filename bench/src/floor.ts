// The floor: the least that uWebSockets.js can do with the same requests. It reads the body, looks at nothing else, and answers
// the bytes that it is given over IPC. Runs as a child of the load driver.
import * as uws from 'uWebSockets.js'

const { App, us_socket_local_port } = uws

/** What every POST is answered from now on. */
export interface FloorAnswer {
  readonly contentType: string
  readonly body: Uint8Array
}

// As bytes: uWebSockets.js takes a string over with a copy of its own, which would make the floor higher than it need be.
const CONTENT_TYPE = new TextEncoder().encode('content-type')
let contentType = new Uint8Array(0)
let body = new Uint8Array(0)

// The node sends no `uWebSockets` header either: the same bytes.
const { _cfg } = uws as unknown as { readonly _cfg?: (key: string) => void }
_cfg?.('silent')

App()
  .post('/*', (res) => {
    let whole: Uint8Array | null = null
    res.onAborted(ignore)
    res.onData((chunk, last) => {
      const piece = new Uint8Array(chunk)
      if (last && whole === null) {
        whole = piece
      } else {
        const longer = new Uint8Array((whole?.length ?? 0) + piece.length)
        if (whole !== null) longer.set(whole)
        longer.set(piece, whole?.length ?? 0)
        whole = longer
      }
      if (last) res.writeHeader(CONTENT_TYPE, contentType).end(body)
    })
  })
  .listen('127.0.0.1', 0, (socket) => {
    if (socket === false) process.exit(1)
    process.send?.({ kind: 'listening', port: us_socket_local_port(socket) })
  })

process.on('message', (message: { kind: string; answer?: FloorAnswer }) => {
  if (message.kind !== 'answer' || message.answer === undefined) return
  contentType = new TextEncoder().encode(message.answer.contentType)
  body = new Uint8Array(message.answer.body)
  process.send?.({ kind: 'answering' })
})

function ignore(): void {}
