import { describe } from 'vitest';
import { healing } from './heal.ts';

describe('on pg-boss', () => healing('pg-boss'));
