import { describe } from 'vitest';
import { crashes } from './crashes.ts';

describe('Temporal', () => crashes('temporal'));
