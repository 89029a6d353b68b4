import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Context } from 'hono';

type Bytes = Buffer<ArrayBuffer>;

/** Something that is the same for everybody who asks: made, compressed and hashed once. */
export interface Asset {
  type: string;
  /** Of what it says; another one when its content is another. */
  hash: string;
  bodies: { br: Bytes; gzip: Bytes; identity: Bytes };
}

type Coding = keyof Asset['bodies'];

/** Takes some 0.2 s of a thread for a megabyte. */
export async function makeAsset(type: string, content: string | Buffer): Promise<Asset> {
  const identity = Buffer.from(content);
  const quality = {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 9,
      [constants.BROTLI_PARAM_SIZE_HINT]: identity.length,
    },
  };
  const [br, zipped] = await Promise.all([
    promisify(brotliCompress)(identity, quality),
    promisify(gzip)(identity),
  ]);
  const hash = createHash('sha256').update(identity).digest('base64url').slice(0, 16);
  return { type, hash, bodies: { br: Buffer.from(br), gzip: Buffer.from(zipped), identity } };
}

/** Makes it when the first asks. @throws what `content` throws; the next who asks tries again */
export function lazyAsset(
  type: string,
  content: () => string | Buffer | Promise<Buffer>,
): () => Promise<Asset> {
  let made: Promise<Asset> | undefined;
  const make = async () => makeAsset(type, await content());
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** The asset in the smallest form that the client takes, or 304 where it has it already. */
export function answerAsset(
  c: Context,
  { type, hash, bodies }: Asset,
  headers: Record<string, string> = {},
): Response {
  const coding = codingFor(c.req.header('accept-encoding'));
  const etag = `"${hash}${coding === 'identity' ? '' : `-${coding}`}"`;
  const common = { 'cache-control': 'no-cache', ...headers, etag, vary: 'accept-encoding' };
  if (isKnown(c.req.header('if-none-match'), hash)) return c.body(null, 304, common);
  const encoding: Record<string, string> =
    coding === 'identity' ? {} : { 'content-encoding': coding };
  return c.body(bodies[coding], 200, { ...common, ...encoding, 'content-type': type });
}

/** Whether one of the client's entity tags is this content's, in whichever coding. */
function isKnown(header: string | undefined, hash: string): boolean {
  if (header === undefined) return false;
  return (
    header.trim() === '*' ||
    header.split(',').some((tag) => tag.trim().replace(/^W\//, '').startsWith(`"${hash}`))
  );
}

function codingFor(header = ''): Coding {
  const accepted = new Map<string, boolean>();
  for (const entry of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim());
    accepted.set(name, !parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter)));
  }
  const takes = (name: string) => accepted.get(name) ?? accepted.get('*') ?? false;
  if (takes('br')) return 'br';
  return takes('gzip') ? 'gzip' : 'identity';
}
