import { createProgram } from './program.ts';
import { endWithReader, tellUnforeseen } from './terminal/output.ts';

endWithReader();
// Processes tell their own logs.
if (!['api', 'relay', 'worker'].includes(process.argv[2] ?? '')) tellUnforeseen();
await (await createProgram(process.argv.slice(2), process.exit)).parseAsync();
