import { describe } from 'vitest';
import { conformance } from './conformance-suite.ts';

describe('Temporal', () => conformance('temporal'));
