import kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { failureOf } from '../src/failures.ts'

const { KafkaJSConnectionError, KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } =
  kafkajs

/** As kafkajs throws it with producer retries 0. */
function thrown(type: string, retriable: boolean): Error {
  const cause = new KafkaJSProtocolError(Object.assign(new Error('m'), { type, code: 1, retriable }))
  return retriable
    ? new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 0, retryTime: 1 })
    : Object.assign(new KafkaJSNonRetriableError(cause), { cause })
}

describe('a failed send', () => {
  test.each([
    ['NOT_LEADER_FOR_PARTITION', true, 'retry'],
    ['NOT_ENOUGH_REPLICAS', true, 'retry'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', true, 'retry'],
    ['REQUEST_TIMED_OUT', true, 'retry'],
    ['UNKNOWN_TOPIC_OR_PARTITION', true, 'retry'],
    ['MESSAGE_TOO_LARGE', false, 'split'],
    ['RECORD_LIST_TOO_LARGE', false, 'split'],
    ['TOPIC_AUTHORIZATION_FAILED', false, 'fatal'],
    ['SASL_AUTHENTICATION_FAILED', false, 'fatal'],
  ])('with %s has a known remedy, however kafkajs wraps it', (type, retriable, remedy) => {
    expect(failureOf(thrown(type, retriable))).toEqual({ name: type, remedy, known: true })
  })

  test('whose connection broke is sent again', () => {
    const cause = new KafkaJSConnectionError('gone', { broker: 'b', code: 'ECONNRESET' })
    expect(failureOf(new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 0, retryTime: 1 }))).toEqual({
      name: 'KafkaJSConnectionError',
      remedy: 'retry',
      known: true,
    })
  })

  // kafkajs itself calls these not retriable.
  test.each([
    ['UNKNOWN', thrown('UNKNOWN', false)],
    ['SOMETHING_NEW', thrown('SOMETHING_NEW', false)],
    ['TypeError', new TypeError('x is not a function')],
    ['UNKNOWN', new Error('no idea')],
    ['UNKNOWN', 'not even an error'],
    ['UNKNOWN', undefined],
  ])('of a kind that no table has (%s) is sent again and counted as unknown', (_, error) => {
    expect(failureOf(error)).toMatchObject({ remedy: 'retry', known: false })
  })

  test('whose causes form a ring is still classified', () => {
    const ring = new Error('ring')
    ring.cause = ring
    expect(failureOf(ring).remedy).toBe('retry')
  })
})
