import type { Client, Connection } from '@temporalio/client';
import {
  defineSearchAttributeKey,
  type SearchAttributePair,
  SearchAttributeType,
} from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Logger } from 'pino';
import type { OpenLetters } from '../dispatch.ts';
import { namesThatFit } from '../temporal-bytes.ts';
import { CODE, codeOf } from './grpc.ts';

const {
  INDEXED_VALUE_TYPE_KEYWORD: KEYWORD,
  INDEXED_VALUE_TYPE_KEYWORD_LIST: KEYWORD_LIST,
  INDEXED_VALUE_TYPE_INT: INT,
} = proto.temporal.api.enums.v1.IndexedValueType;

/**
 * By what dispatches are found in Temporal. `FailedEffects` and `OpenLetters` are set by the
 * workflow, the others at its start.
 */
export const searchAttributes = {
  EventType: KEYWORD,
  WorkspaceId: KEYWORD_LIST,
  ChannelId: KEYWORD_LIST,
  FailedEffects: KEYWORD_LIST,
  OpenLetters: INT,
};

/** Their types as people write them, for the command that makes one. */
export const typeNames: Record<number, string> = {
  [KEYWORD]: 'Keyword',
  [KEYWORD_LIST]: 'KeywordList',
  [INT]: 'Int',
};

const eventType = defineSearchAttributeKey('EventType', SearchAttributeType.KEYWORD);
const workspaceId = defineSearchAttributeKey('WorkspaceId', SearchAttributeType.KEYWORD_LIST);
const failedEffects = defineSearchAttributeKey('FailedEffects', SearchAttributeType.KEYWORD_LIST);
export const openLetters = defineSearchAttributeKey('OpenLetters', SearchAttributeType.INT);
const channelId = defineSearchAttributeKey('ChannelId', SearchAttributeType.KEYWORD_LIST);

/**
 * A search attribute's value may have 2 KB; a UUID in a list takes 39 bytes. What does not fit is
 * found through the outbox.
 */
const LIST_LIMIT = 48;

/**
 * What a dispatch's workflow is found by; its scope is known where the dispatch has just been
 * claimed.
 */
export function attributesOf(
  type: string,
  scope?: { workspace_ids: string[]; channel_ids: string[] },
): SearchAttributePair[] {
  const list = (key: typeof workspaceId, ids: string[] = []) =>
    ids.length > 0 ? [{ key, value: ids.slice(0, LIST_LIMIT) }] : [];
  // By `OpenLetters` the workflow sees that the namespace takes our attributes.
  const own: SearchAttributePair[] = [
    { key: eventType, value: type },
    { key: openLetters, value: 0 },
  ];
  return [
    ...own,
    ...list(workspaceId, scope?.workspace_ids),
    ...list(channelId, scope?.channel_ids),
  ];
}

/** What the workflow that shows a dispatch's open letters is found by. */
export const attributesOfLetters = ({ open, effects }: OpenLetters): SearchAttributePair[] => [
  { key: openLetters, value: open },
  { key: failedEffects, value: namesThatFit(effects) },
];

/**
 * How long workflows are started without search attributes once they were refused, in ms; then they
 * are asked for again.
 */
const WITHOUT = 60_000;

/**
 * The server is away or busy, or has no such namespace: that passes, or must be put right before
 * anything can be started.
 */
const PASSES: unknown[] = [
  CODE.deadlineExceeded,
  CODE.notFound,
  CODE.resourceExhausted,
  CODE.unavailable,
];

/**
 * Our search attributes in the client's namespace: registered when they are first needed, and again
 * once the server has lost them. Where it refuses them (they may not be registered, or somebody
 * else's have their names), workflows are started without.
 */
export class SearchAttributes {
  readonly #client: Client;
  readonly #log: Pick<Logger, 'warn'>;
  #registered: Promise<void> | undefined;
  #withoutUntil = 0;

  constructor(client: Client, log: Pick<Logger, 'warn'>) {
    this.#client = client;
    this.#log = log;
  }

  /** @param start starts a workflow with these search attributes, or with none */
  async startWith<T>(
    pairs: SearchAttributePair[],
    start: (pairs: SearchAttributePair[]) => Promise<T>,
  ): Promise<T> {
    if (performance.now() < this.#withoutUntil) return await start([]);
    const again = this.#registered !== undefined;
    await this.#register();
    try {
      return await start(pairs);
    } catch (error) {
      if (codeOf(error) !== CODE.invalidArgument) throw error;
      this.#registered = undefined;
      if (again) return await this.startWith(pairs, start);
      const started = await start([]);
      this.#withoutUntil = performance.now() + WITHOUT;
      this.#log.warn(
        { err: error },
        'Temporal refuses our search attributes; for a minute workflows are started without: ' +
          'see `knockon doctor`',
      );
      return started;
    }
  }

  async #register(): Promise<void> {
    this.#registered ??= register(this.#client).catch((error) => {
      if (PASSES.includes(codeOf(error))) {
        this.#registered = undefined;
        throw error;
      }
      // Somebody else may have done it: the start of a workflow tells.
      this.#log.warn({ err: error }, 'search attributes could not be registered in Temporal');
    });
    await this.#registered;
  }
}

async function register(client: Client): Promise<void> {
  const { namespace } = client.options;
  const { operatorService } = client.connection as Connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(searchAttributes).filter(
    ([name]) => !(name in (customAttributes ?? {})),
  );
  if (missing.length > 0)
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing),
    });
}
