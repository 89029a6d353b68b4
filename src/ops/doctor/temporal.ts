import { type Finding, fine, ill, type Patient } from './finding.ts';

/** The server, the namespace and the search attributes, each a finding of its own. */
export async function checkTemporal({ queues }: Patient): Promise<Finding[]> {
  const server = await queues.server();
  if (!server) return [fine('transport', 'effects go by pg-boss, in Postgres: there is no Temporal')];
  const { away, namespace, searchAttributes } = server;
  if (away !== null) {
    const remedy =
      'Start Temporal, or correct TEMPORAL_ADDRESS of all processes. Messages are taken meanwhile, and their effects follow by themselves.';
    return [ill('temporal', `it does not answer: ${away}`, remedy)];
  }
  return [
    fine('temporal', 'it answers'),
    namespace === null
      ? fine('namespace', 'it is there')
      : ill('namespace', namespace, 'Make it with `temporal operator namespace create`, or correct TEMPORAL_NAMESPACE of all processes.'),
    searchAttributes === null
      ? fine('search attributes', 'all are registered')
      : ill(
          'search attributes',
          searchAttributes,
          'They are registered at the first dispatch; post a message, or use `temporal operator search-attribute create`.',
        ),
  ];
}
