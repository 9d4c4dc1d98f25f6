// A second listener of a test broker, with TLS and SASL/PLAIN.

export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Lines of server.properties for the listener SECURE, which `listeners` must name too. */
export function secureProperties(keystore: string, { username, password }: Credentials): Record<string, string> {
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  return {
    'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.secure.plain.sasl.jaas.config': `${login} required user_${username}="${password}";`,
    'listener.name.secure.ssl.keystore.type': 'PEM',
    'listener.name.secure.ssl.keystore.location': keystore,
  }
}
