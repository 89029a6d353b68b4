import { describe } from 'vitest';
import { conformance } from './conformance.ts';

describe('Temporal', () => conformance('temporal'));
