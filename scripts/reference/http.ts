import { declaredTypes } from '../../src/events/index.ts';
import { blocks, code, list, page, paragraphs, sentence, wrap } from './markdown.ts';
import { fields, inlineFields, type Schema, typeOf } from './schema.ts';

interface Content {
  content?: Record<string, { schema?: Schema }>;
}

export interface Route {
  operationId: string;
  summary: string;
  description?: string;
  deprecated?: boolean;
  tags?: string[];
  security?: Record<string, unknown>[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema: Schema;
  }[];
  requestBody?: Content & { required?: boolean };
  responses: Record<string, { description: string } & Content>;
}

export interface OpenApi {
  info: { description: string };
  paths: Record<string, Record<string, Route>>;
  components: { schemas: Record<string, Schema> };
}

/** The document as GET /openapi.json answers it. Describing the API asks for no database. */
export async function readOpenApi(): Promise<OpenApi> {
  const { createApp } = await import('../../src/api/app.ts');
  const nothing: unknown = new Proxy(() => nothing, { get: () => nothing });
  const eventTypes = { fingerprint: async () => '', current: async () => declaredTypes() };
  const app = createApp({ database: nothing, heavy: nothing, eventTypes } as never);
  return (await (await app.request('/openapi.json')).json()) as OpenApi;
}

/** docs/reference/http.md. */
export function httpPage({ info, paths, components }: OpenApi): string {
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) => ({
      heading: `${method.toUpperCase()} ${path}`,
      ...route,
    })),
  );
  const common = commonAnswers(routes);
  const [first, ...rules] = info.description
    .split(/\n+- /)
    .map((part) => part.replace(/\s+/g, ' '));
  return page(
    'HTTP API',
    wrap(
      `${first} A running API shows all this at \`/docs\`, and describes it at \`/openapi.json\`.`,
    ),
    list(rules),
    blocks(
      '## Statuses',
      wrap('These statuses mean the same for every route. Below, a route lists them by number.'),
      list([...common].map(([status, description]) => `${code(status)}: ${description}`)),
    ),
    ...[...new Set(routes.map(tagOf))].map((tag) =>
      blocks(
        `## ${tag}`,
        ...routes.filter((route) => tagOf(route) === tag).map((route) => describe(route, common)),
      ),
    ),
    blocks(
      '## Shapes',
      ...Object.entries(components.schemas).map(([name, schema]) =>
        blocks(`### ${name}`, schema.description && wrap(schema.description), fields(schema)),
      ),
    ),
  );
}

type Described = Route & { heading: string };

const tagOf = ({ tags = ['Other'] }: Described) => tags[0]!;

/** What each error status means, where it means the same for at least ten routes. */
function commonAnswers(routes: Described[]): Map<string, string> {
  const counts = new Map<string, number>();
  for (const { responses } of routes)
    for (const [status, { description }] of Object.entries(responses)) {
      const key = `${status} ${description}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  const frequent = [...counts].filter(([key, count]) => count >= 10 && !key.startsWith('2'));
  return new Map(frequent.map(([key]) => [key.slice(0, 3), key.slice(4)] as const).sort());
}

function describe(route: Described, common: Map<string, string>): string {
  const { heading, summary, description, parameters = [], requestBody, responses } = route;
  const answers = Object.entries(responses);
  const isCommon = ([status, answer]: (typeof answers)[number]) =>
    common.get(status) === answer.description;
  return blocks(
    `### ${heading}`,
    wrap(sentence(summary)),
    description && paragraphs(description),
    route.deprecated && '**Deprecated:** use the route with `operations` in its place.',
    list([
      `Key: ${keyOf(route)}`,
      ...parameters.map(
        ({ name, in: where, required, description: means, schema }) =>
          `${where} ${code(name)} (${typeOf(schema)}${required ? ', required' : ''})` +
          after(means ?? schema.description),
      ),
      requestBody && `Body: ${contentOf(requestBody)}`,
      ...answers
        .filter((answer) => !isCommon(answer))
        .map(
          ([status, answer]) => `${code(status)}: ${sentence(answer.description)} ${shape(answer)}`,
        ),
      `Errors: ${
        answers
          .filter(isCommon)
          .map(([status]) => code(status))
          .join(', ') || 'none'
      }`,
    ]),
  );
}

const after = (text: string | undefined) => (text ? `: ${sentence(text)}` : '');

function keyOf({ security = [] }: Route): string {
  if (security.length === 0) return 'none';
  const isOptional = security.some((scheme) => Object.keys(scheme).length === 0);
  const isOperator = security.some((scheme) => 'operator' in scheme);
  return `${isOperator ? "an operator's" : "a workspace's"}${isOptional ? ', optional' : ''}`;
}

const contentOf = ({ content = {} }: Content) =>
  Object.values(content)
    .map(({ schema = {} }) => inlineFields(schema) || typeOf(schema))
    .join(' or ');

const shape = (answer: Content) =>
  answer.content && contentOf(answer) !== '' ? `Answer: ${contentOf(answer)}.` : '';
