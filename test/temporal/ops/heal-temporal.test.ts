import { describe } from 'vitest';
import { healing } from './healing-suite.ts';

describe('on Temporal', () => healing('temporal'));
