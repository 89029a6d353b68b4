import { describe } from 'vitest';
import { crashes } from './crash-suite.ts';

describe('pg-boss', () => crashes('pg-boss'));
