import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { Sql } from 'postgres';
import { openWorkspace, post, type Workspace } from '../contestants/workspace.ts';
import type { Product } from '../product.ts';
import { median } from '../statistics.ts';
import { startBare } from './bare.ts';
import { type Journey, journeyOf, moments } from './journey.ts';

/** Medians in ms. */
export interface Idle {
  /** POST to the sixth effect, seen from outside. */
  knockon: number;
  /** A workflow with six activities that do nothing, started in turn with ours. */
  bare: number;
  runs: number;
  journey: Journey;
}

/** Posts a message at a time on an idle machine, and starts a bare workflow after each. */
export async function measureIdle(product: Product, runs: number): Promise<Idle> {
  const workspace = await openWorkspace(product.api_url, product.admin_key);
  const [channel] = await workspace.channels(1);
  const connection = await Connection.connect({ address: product.temporal_address });
  const client = new Client({ connection, namespace: product.temporal_namespace });
  const bare = await startBare(product);
  const [journeys, bares]: [Journey[], number[]] = [[], []];
  try {
    for (let run = -5; run < runs; run += 1) {
      const journey = await postOne({ product, workspace, client }, channel!);
      await wait(120);
      const took = await bare.measure();
      await wait(120);
      // The first five warm up.
      if (run >= 0) journeys.push(journey) && bares.push(took);
    }
  } finally {
    await bare.stop();
    await connection.close();
  }
  const at = (moment: keyof Journey) => median(journeys.map((journey) => journey[moment]));
  const journey = Object.fromEntries(moments.map((moment) => [moment, at(moment)])) as Journey;
  return { knockon: at('sixth receipt seen'), bare: median(bares), runs, journey };
}

async function postOne({ product, workspace, client }: { product: Product; workspace: Workspace; client: Client }, channel: string) {
  const began = performance.now();
  const posted = performance.timeOrigin + began;
  const url = `${workspace.url}/v1/channels/${channel}/messages`;
  const { event_id } = await post<{ event_id: string }>(url, workspace.api_key, { author: 'ada', text: 'is anybody there?' });
  const answered = performance.now() - began;
  await sixReceipts(product.sql, event_id);
  const seen = performance.now() - began;
  await wait(100);
  return journeyOf({ sql: product.sql, client }, event_id, { posted, answered, seen });
}

async function sixReceipts(sql: Sql, eventId: string): Promise<void> {
  for (const began = performance.now(); performance.now() - began < 30_000; await wait(1)) {
    const [row] = await sql<[{ count: number }]>`select count(*)::int from receipts where event_id = ${eventId}`;
    if (row.count >= 6) return;
  }
  throw new Error(`event ${eventId} has not had its six effects after 30 s`);
}
