import { describe } from 'vitest';
import { healing } from './healing-suite.ts';

describe('on pg-boss', () => healing('pg-boss'));
