// Status lines, and the answers that the server gives on its own.
import { REQUEST_REASONS, type RequestReason } from '@fencepost/model'

const PHRASES: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** `404` -> `404 Not Found`. A status without a phrase here goes out with an empty one, which RFC 9112 allows. */
export function statusLine(status: number): string {
  return `${status} ${PHRASES[status] ?? ''}`
}

export const JSON_TYPE = 'application/json'

/** The body of a refusal: `{error, message}` from the REASONS table. */
export function refusalBody(reason: RequestReason): string {
  return JSON.stringify({ error: reason, message: REQUEST_REASONS[reason].help })
}
