// What is counted of people's choices and requests at the public door: plain integers, copied when somebody asks.
export class PrivacyCounters {
  /** Changes of consent by an SDK key alone, and by the person signed in. */
  withdrawn = 0
  chosen = 0
  /** Looks at what is held. */
  shown = 0
  /** Erasures that a person asked for. */
  erasures = 0
  /** Devices that were said to be a minor's and were not known as one. */
  minors = 0
  /** Requests that were refused: keys, headers, bodies, stores. */
  refused = 0
}
