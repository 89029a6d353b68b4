import { describe } from 'vitest';
import { crashes } from './crash-suite.ts';

describe('Temporal', () => crashes('temporal'));
