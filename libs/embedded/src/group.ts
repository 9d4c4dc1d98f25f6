// Publishes that become durable together: their frames, one promise for all of them, and what they count as.
import { type RecordBatch, recordBatchBytes, type SinkError, type Topic } from '@fencepost/model'
import { FrameWriter, frameBytes } from './frame.ts'

const FIRST_WRITER_BYTES = 64 * 1024
/** Writers that grew beyond this are not kept for the next group. */
const KEPT_WRITER_BYTES = 4 * 1024 * 1024
const KEPT_WRITERS = 4

/** One commit group. All who publish into it share `durable`: no promise a publish, no promise a record. */
export class CommitGroup {
  readonly durable: Promise<void>
  /** As `recordBatchBytes` counts them. */
  bytes = 0
  events = 0
  publishes = 0
  settled = false
  deadline: NodeJS.Timeout | undefined
  readonly #writers = new Map<Topic, FrameWriter>()
  readonly #spare: FrameWriter[]
  #frameBytes = 0
  #resolve: () => void = () => {}
  #reject: (error: SinkError) => void = () => {}

  /** `spare` is shared by all groups: writers go back there when a group is done. */
  constructor(spare: FrameWriter[]) {
    this.#spare = spare
    this.durable = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Would the group stay within `maxBytes` of frames with `batch`? An empty group takes any batch. */
  takes(batch: RecordBatch, maxBytes: number): boolean {
    return this.publishes === 0 || this.#frameBytes + frameBytes(batch) <= maxBytes
  }

  /** Copies a batch in. Throws a RangeError, and adds nothing, when its tenant or key are too long for a frame. */
  add(batch: RecordBatch): void {
    const writer = this.#writers.get(batch.topic) ?? this.#takeWriter()
    const before = writer.length
    writer.add(batch)
    this.#writers.set(batch.topic, writer)
    this.#frameBytes += writer.length - before
    this.bytes += recordBatchBytes(batch)
    this.events += batch.count
    this.publishes++
  }

  /** The group's frames by topic. */
  frames(): ReadonlyMap<Topic, FrameWriter> {
    return this.#writers
  }

  resolve(): void {
    this.#settle()
    this.#resolve()
  }

  reject(error: SinkError): void {
    this.#settle()
    this.#reject(error)
  }

  /** Gives the memory back. Only when nothing reads the frames any more. */
  release(): void {
    for (const writer of this.#writers.values()) {
      if (writer.capacity <= KEPT_WRITER_BYTES && this.#spare.length < KEPT_WRITERS) this.#spare.push(writer)
    }
    this.#writers.clear()
  }

  #takeWriter(): FrameWriter {
    const writer = this.#spare.pop() ?? new FrameWriter(FIRST_WRITER_BYTES)
    writer.reset()
    return writer
  }

  #settle(): void {
    this.settled = true
    clearTimeout(this.deadline)
  }
}
