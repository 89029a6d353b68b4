import { contestants } from './contestants/index.ts';
import { readOptions, usage } from './options.ts';
import { bringUp } from './product.ts';
import { type Entered, playRounds } from './rounds.ts';

const options = readOptions(process.argv.slice(2));
const tell = (line: string) => process.stderr.write(`${line}\n`);
const product = await bringUp();
tell(`up: ${product.api_url}`);
const entered: Entered[] = [];
try {
  for (const contestant of contestants) entered.push({ contestant, entrant: await contestant.enter(product) });
  const turns = await playRounds(product, entered, options.extent, tell);
  console.log(JSON.stringify(turns));
} finally {
  for (const { entrant } of entered) await entrant.stop();
  await product.stop();
}
void usage;
