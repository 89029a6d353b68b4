import { describe } from 'vitest';
import { healing } from './heal.ts';

describe('on Temporal', () => healing('temporal'));
