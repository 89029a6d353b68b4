import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { EventTypeVersion } from '../../ops/event-types/list.ts';
import { type Api, ApiProblem, collect } from '../api/client.ts';
import { CommandError, EXIT } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import {
  defaultVerb,
  limitOption,
  OPS_EXIT_CODES,
  type Ops,
  type OpsOptions,
  operates,
} from './ops.ts';

const MORE = `
A changed schema is the next version. What may refuse old payloads is refused, unless --breaking.
A type with the source "code" is declared by a process: change it there.

Examples:
  $ knockon event-types
  $ knockon event-types show invoice.paid
  $ knockon event-types set invoice.paid --schema invoice-paid.json --description "It was paid."
  $ knockon event-types show invoice.paid --json | jq .schema > invoice-paid.json

${OPS_EXIT_CODES}`;

/** `knockon event-types`: what may be emitted. */
export function eventTypesCommand(program: Command): void {
  const types = program
    .command('event-types')
    .summary('show what may be emitted; make an event type, or change one')
    .description('Shows event types with their versions and schemas; makes one, or changes one.')
    .addHelpText('after', MORE);
  operates(
    defaultVerb(types, 'list', 'list event types by name').addOption(
      limitOption('event types', 200),
    ),
    listTypes,
  );
  const show = types
    .command('show')
    .description('show an event type: its schema, examples and versions')
    .argument('<name>', 'its name, such as invoice.paid')
    .option('--type-version <n>', 'this version (default: the current one)', parseVersion)
    .addHelpText('after', `\n${OPS_EXIT_CODES}`);
  operates(show, showType);
  const set = types
    .command('set')
    .description('make an event type, or change one; what is not given stays')
    .argument('<name>', 'its name, <aggregate>.<past participle>, such as invoice.paid')
    .requiredOption('--schema <file>', "a file with the payload's JSON Schema 2020-12; - is stdin")
    .option('--description <text>', 'what has happened, in a sentence or two')
    .option('--examples <file>', 'a file with a JSON list of payloads')
    .option('--breaking', 'also where the schema may refuse what the current one takes')
    .option('--take-over', 'also where code has declared it: for types whose code is gone')
    .addHelpText('after', `\n${OPS_EXIT_CODES}`);
  operates(set, setType);
}

async function listTypes({
  api,
  terminal,
  options,
}: Ops<OpsOptions & { limit: number }>): Promise<void> {
  const found = await collect(api.list<EventTypeVersion>('/v1/ops/event_types'), options.limit);
  if (options.json) return terminal.out(JSON.stringify(found));
  if (found.length === 0) return terminal.out('There is no event type.');
  const rows = found.map((type) => [type.name, type.version, type.source, type.description]);
  terminal.out(table(terminal, ['event type', 'version', 'source', 'description'], rows));
}

interface ShownType extends EventTypeVersion {
  versions: Omit<EventTypeVersion, 'name'>[];
}

const pathOf = (name: string) => `/v1/ops/event_types/${encodeURIComponent(name)}`;

async function showType(
  { api, terminal, options }: Ops<OpsOptions & { typeVersion?: number }>,
  name: string,
): Promise<void> {
  const query = options.typeVersion === undefined ? '' : `?version=${options.typeVersion}`;
  const type = await api.get<ShownType>(`${pathOf(name)}${query}`);
  if (options.json) return terminal.out(JSON.stringify(type));
  const { version, source, description, schema, examples, versions } = type;
  terminal.out(`${name}, version ${version}, source: ${source}`);
  if (description) terminal.out(description);
  terminal.out(`\nSchema of the payload:\n${JSON.stringify(schema, null, 2)}`);
  if (examples.length > 0) terminal.out(`\nExamples:\n${JSON.stringify(examples, null, 2)}`);
  const rows = versions.map((one) => [one.version, one.source, one.created_at]);
  terminal.out(`\n${table(terminal, ['version', 'source', 'made'], rows)}`);
}

interface SetOptions extends OpsOptions {
  schema: string;
  description?: string;
  examples?: string;
  breaking?: boolean;
  takeOver?: boolean;
}

async function setType({ api, terminal, options }: Ops<SetOptions>, name: string): Promise<void> {
  const schema = readJson('--schema', options.schema);
  const examples = options.examples && readJson('--examples', options.examples);
  const before = await currentType(api, name);
  const { body } = await api.send<EventTypeVersion>(
    'PUT',
    `${pathOf(name)}?breaking=${options.breaking === true}&take_over=${options.takeOver === true}`,
    {
      body: {
        schema,
        description: options.description ?? before?.description,
        examples: examples ?? before?.examples,
      },
    },
  );
  if (options.json) return terminal.out(JSON.stringify(body));
  const what = before?.version === body.version ? 'still version' : 'now version';
  terminal.out(`${name} is ${what} ${body.version}.`);
}

/** @returns undefined where there is none */
const currentType = (api: Api, name: string): Promise<ShownType | undefined> =>
  api.get<ShownType>(pathOf(name)).catch((error) => {
    if (error instanceof ApiProblem && error.status === 404) return undefined;
    throw error;
  });

/** @throws CommandError where it can't be read, or is no JSON */
function readJson(option: string, path: string): unknown {
  try {
    return JSON.parse(readFileSync(path === '-' ? 0 : path, 'utf8'));
  } catch (error) {
    throw new CommandError(
      `${option} ${path} can't be read: ${(error as Error).message}`,
      EXIT.usage,
    );
  }
}

function parseVersion(text: string): number {
  const version = Number(text);
  if (Number.isInteger(version) && version >= 1 && version <= 32_767) return version;
  throw new InvalidArgumentError('It must be a whole number from 1 to 32767.');
}
