import type { createApp } from '../../../src/api/app.ts';

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
}

/** One operation of the OpenAPI document. */
export interface Operation {
  operationId: string;
  method: string;
  path: string;
  operator: boolean;
  open: boolean;
  hasBody: boolean;
  creates: boolean;
  parameters: Parameter[];
  responses: Record<string, unknown>;
}

/**
 * Every operation that the OpenAPI document has; what a test says of "every route" is said of
 * these.
 */
export async function operations(app: ReturnType<typeof createApp>): Promise<Operation[]> {
  const document = (await (await app.request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, Declared>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, declared]) => ({
      operationId: declared.operationId ?? '',
      method: method.toUpperCase(),
      path,
      operator: declared.security?.some((scheme) => 'operator' in scheme) ?? false,
      open: declared.security?.length === 0,
      hasBody: declared.requestBody !== undefined,
      creates: declared.parameters?.some(({ name }) => name === 'Idempotency-Key') ?? false,
      parameters: declared.parameters ?? [],
      responses: declared.responses,
    })),
  );
}

interface Declared {
  operationId?: string;
  security?: Record<string, unknown>[];
  requestBody?: unknown;
  parameters?: Parameter[];
  responses: Record<string, unknown>;
}

/** An id that nothing has. */
export const ABSENT = '01995b0e-0000-7000-8000-000000000000';

/** Bodies that each operation takes, so that nothing else is wrong with a request. */
export const bodies: Record<string, unknown> = {
  'POST /v1/workspaces': { name: 'Acme' },
  'POST /v1/api_keys': { name: 'spare' },
  'POST /v1/channels': { name: 'a channel of its own' },
  'POST /v1/channels/{id}/messages': { author: 'ada', text: 'hello' },
  'PATCH /v1/messages/{id}': { text: 'hello' },
  'POST /v1/events': { type: 'invoice.paid', payload: { amount: 5 } },
  'POST /v1/events/batch': { events: [{ type: 'invoice.paid', payload: { amount: 5 } }] },
  'PUT /v1/members/{handle}': { email: 'ada@example.com' },
  'POST /v1/endpoints': { url: 'https://example.com/hook', event_types: ['message.created'] },
  'PATCH /v1/endpoints/{id}': { description: 'changed' },
  'POST /v1/ops/subscribers/{name}/pause': { reason: 'a deploy', until: '2099-01-01T00:00:00Z' },
  'POST /v1/ops/subscribers/{name}/drain': { reason: 'a deploy', until: '2099-01-01T00:00:00Z' },
  'POST /v1/ops/subscribers/{name}/retire': { open: 'finish', reason: 'it is renamed' },
  'PUT /v1/ops/subscribers/{name}': {
    url: 'https://billing.example.com/events',
    event_types: ['message.created'],
  },
  'PUT /v1/ops/subscribers/{name}/limit': { per_second: 5 },
  'PUT /v1/ops/subscribers/{name}/workspace_limit': { per_second: 5 },
  'PUT /v1/ops/schedules/{name}': {
    workspace_id: ABSENT,
    cron: '0 9 * * 1',
    event_type: 'invoice.paid',
    payload: { amount: 5 },
  },
  'POST /v1/ops/schedules/{name}/pause': { reason: 'a test' },
  'POST /v1/ops/schedules/{name}/backfill': { from: '2024-01-15T12:00:00Z' },
  'POST /v1/ops/dead_letters/retry': { ids: ['01995b0e-0000-7000-8000-000000000000'] },
  'POST /v1/ops/dead_letters/discard': {
    ids: ['01995b0e-0000-7000-8000-000000000000'],
    reason: 'a test',
  },
  'POST /v1/ops/resets': { ids: ['01995b0e-0000-7000-8000-000000000000'] },
  'POST /v1/ops/replays': { type: 'message.created' },
  'POST /v1/ops/backfills': { subscriber: 'nobody' },
  'POST /v1/ops/rebuilds': { subscriber: 'search' },
  'PATCH /v1/ops/endpoints/{id}': { enabled: true, max_per_second: 5 },
  'PUT /v1/ops/endpoints/{id}/limit': { per_second: 5 },
  'POST /v1/ops/endpoints/{id}/disable': { reason: 'a test' },
  'POST /v1/ops/keys': { workspace_id: ABSENT, name: 'spare' },
  'POST /v1/ops/keys/revoke': { ids: [ABSENT], reason: 'a test' },
  'POST /v1/ops/workspaces/{id}/api_keys': { name: 'spare' },
  'POST /v1/ops/operators': { name: 'ada', role: 'viewer' },
  'PUT /v1/ops/event_types/{name}': { schema: { type: 'object' } },
};

/** Names in paths, where what is made can't have any. */
const names: Record<string, string> = { 'PUT /v1/ops/event_types/{name}': 'thing.made' };

export const titleOf = ({ method, path }: Pick<Operation, 'method' | 'path'>) =>
  `${method} ${path}`;

/**
 * The operation's path with its parameters filled in, and the query parameters that must be there.
 */
export function fill(operation: Operation, values: Record<string, string> = {}): string {
  const { path, parameters } = operation;
  const filled = path.replaceAll(
    /\{(\w+)\}/g,
    (_, name: string) =>
      names[titleOf(operation)] ?? values[name] ?? (/(^|_)id$/.test(name) ? ABSENT : 'nobody'),
  );
  const query = parameters
    .filter((p) => p.in === 'query' && p.required)
    .map((p) => `${p.name}=anything`);
  return query.length > 0 ? `${filled}?${query.join('&')}` : filled;
}
