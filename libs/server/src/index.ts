export { type BodyBudget, type BodyBudgetOptions, createBodyBudget, type Reservation } from './body-budget.ts'
export { type Cors, type CorsOptions, createCors } from './cors.ts'
export type { BodyFailure, BodyOptions, Exchange, Handler, Header } from './exchange.ts'
export {
  createHttpCounters,
  createHttpServer,
  type HttpCounters,
  type HttpServer,
  type HttpServerOptions,
  type Method,
  type SharedPort,
} from './http-server.ts'
export { retryAfter } from './retry-after.ts'
export type { BodyStream } from './stream.ts'
export { checkTls, type TlsFiles } from './tls.ts'
