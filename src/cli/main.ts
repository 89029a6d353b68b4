import { endWithReader } from './output.ts';
import { createProgram } from './program.ts';

endWithReader();
await (await createProgram(process.argv.slice(2), process.exit)).parseAsync();
