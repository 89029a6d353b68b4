// The effects, in a process of their own. `npx knockon worker effects --from ./effects.js` does the
// same.
import { runEffects } from 'knockon';
import { receipts, thanks } from './effects.js';

const running = await runEffects({ effects: [receipts, thanks] });
console.log('effects are running');
await running.ended;
process.exit();
