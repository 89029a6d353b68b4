import { describe } from 'vitest';
import { conformance } from './conformance-suite.ts';

describe('pg-boss', () => conformance('pg-boss'));
