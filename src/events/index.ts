// The catalogue. To declare an event type: a file for its aggregate here, and one line below.
export * from './catalogue.ts';
export * from './event.ts';
export * from './issue.ts';
export * from './own-types.ts';
