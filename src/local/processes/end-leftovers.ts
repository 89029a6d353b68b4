import { endLeftovers } from '../files/processes-file.ts';

// Run by the guard once the launcher is gone.
await endLeftovers(process.argv[2]!);
