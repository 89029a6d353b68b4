import { vi } from 'vitest';

/**
 * Test files of a process share the libraries that are loaded, which is most of what importing
 * costs. Our own modules are loaded anew for each: nothing that a file declares is left to the next.
 */
vi.resetModules();
