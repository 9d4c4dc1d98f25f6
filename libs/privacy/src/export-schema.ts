// JSON Schema of an export document, as it is published.
export const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:fencepost:export:v1',
  title: 'What Fencepost holds of one device',
  type: 'object',
  additionalProperties: false,
  required: [
    'format',
    'tenant',
    'made_at',
    'consent',
    'presence',
    'caps',
    'events',
    'events_truncated',
    'events_elsewhere',
  ],
  properties: {
    format: { const: 'fencepost.export.v1' },
    tenant: { type: 'string' },
    made_at: { $ref: '#/$defs/time' },
    consent: {
      description: 'null: nothing was chosen',
      oneOf: [
        { type: 'null' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['location', 'analytics', 'marketing', 'objected', 'restricted', 'suppressed', 'history'],
          properties: {
            location: { $ref: '#/$defs/choice' },
            analytics: { $ref: '#/$defs/choice' },
            marketing: { $ref: '#/$defs/choice' },
            objected: { type: 'boolean' },
            restricted: { type: 'boolean' },
            suppressed: {
              oneOf: [
                { type: 'null' },
                {
                  type: 'object',
                  additionalProperties: false,
                  required: ['since', 'why'],
                  properties: { since: { $ref: '#/$defs/time' }, why: { enum: ['erased', 'minor'] } },
                },
              ],
            },
            history: {
              type: 'array',
              items: {
                type: 'object',
                additionalProperties: false,
                required: ['at', 'by', 'location', 'analytics', 'marketing', 'chosen_at', 'text_version'],
                properties: {
                  at: { $ref: '#/$defs/time' },
                  by: { enum: ['sdk', 'person', 'admin'] },
                  location: { $ref: '#/$defs/choice' },
                  analytics: { $ref: '#/$defs/choice' },
                  marketing: { $ref: '#/$defs/choice' },
                  chosen_at: { type: ['integer', 'null'] },
                  text_version: { type: ['string', 'null'] },
                },
              },
            },
          },
        },
      ],
    },
    presence: {
      description: 'null: it is not known where the device is or was',
      oneOf: [
        { type: 'null' },
        {
          type: 'object',
          additionalProperties: false,
          required: [
            'last_observed',
            'last_at',
            'received',
            'clock_difference_ms',
            'last_visit',
            'unpublished',
            'visits',
          ],
          properties: {
            last_observed: { type: ['integer', 'null'], description: "by the phone's clock" },
            last_at: { type: 'integer' },
            received: { $ref: '#/$defs/time' },
            clock_difference_ms: { type: 'integer' },
            last_visit: { type: 'integer' },
            unpublished: { type: 'integer', minimum: 0 },
            visits: {
              type: 'array',
              items: {
                type: 'object',
                additionalProperties: false,
                required: [
                  'fence',
                  'visit',
                  'by_beacon',
                  'entered',
                  'entered_at',
                  'seen',
                  'seen_at',
                  'outside',
                  'dwelled_s',
                  'campaigns',
                ],
                properties: {
                  fence: {
                    type: 'object',
                    additionalProperties: false,
                    required: ['id', 'version'],
                    properties: { id: { type: 'string' }, version: { type: 'number' } },
                  },
                  visit: { type: 'integer' },
                  by_beacon: { type: 'boolean' },
                  entered: { type: 'integer' },
                  entered_at: { type: 'integer' },
                  seen: { type: 'integer' },
                  seen_at: { type: 'integer' },
                  outside: { type: ['integer', 'null'] },
                  dwelled_s: { type: 'array', items: { type: 'integer' } },
                  campaigns: { type: 'array', items: { type: 'string' } },
                },
              },
            },
          },
        },
      ],
    },
    caps: {
      description: 'how often campaigns have named the device; null: there is no record',
      oneOf: [
        { type: 'null' },
        {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['campaign', 'window_s', 'times'],
            properties: {
              campaign: { type: 'string' },
              window_s: { type: 'integer' },
              times: { type: 'array', items: { type: 'integer' } },
            },
          },
        },
      ],
    },
    events: {
      description: 'events in the journal, as they were published; null: this process keeps none',
      oneOf: [
        { type: 'null' },
        {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['topic', 'cursor', 'value'],
            properties: {
              topic: { type: 'string' },
              cursor: { type: 'string', pattern: '^\\d+$' },
              value: { type: 'object' },
            },
          },
        },
      ],
    },
    events_truncated: { type: 'boolean' },
    events_elsewhere: {
      description: 'how to get the events that other systems keep; null: all are here',
      oneOf: [
        { type: 'null' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['keys', 'how'],
          properties: { keys: { type: 'array', items: { type: 'string' } }, how: { type: 'string' } },
        },
      ],
    },
  },
  $defs: {
    time: { type: 'integer', minimum: 0, description: "epoch ms by the server's clock" },
    choice: { type: ['boolean', 'null'], description: 'null: not named' },
  },
} as const
