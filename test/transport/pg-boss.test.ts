import { describe } from 'vitest';
import { conformance } from './conformance.ts';

describe('pg-boss', () => conformance('pg-boss'));
