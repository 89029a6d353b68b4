import { describe } from 'vitest';
import { crashes } from './crashes.ts';

describe('pg-boss', () => crashes('pg-boss'));
