import { type DoctorContext, type Finding, fail, pass } from './finding.ts';

/** The server, the namespace and the search attributes, each a finding of its own. */
export async function checkTemporal({ queues }: DoctorContext): Promise<Finding[]> {
  const server = await queues.server();
  if (!server)
    return [pass('transport', 'effects go by pg-boss, in Postgres: there is no Temporal')];
  const { away, namespace, searchAttributes } = server;
  if (away !== null) {
    const remedy =
      'Start Temporal, or correct TEMPORAL_ADDRESS of all processes. Messages are taken ' +
      'meanwhile, and their effects follow by themselves.';
    return [fail('temporal', `it does not answer: ${away}`, remedy)];
  }
  const isThere =
    namespace === null
      ? pass('namespace', 'it is there')
      : fail(
          'namespace',
          namespace,
          'Make it with `temporal operator namespace create`, or correct TEMPORAL_NAMESPACE of ' +
            'all processes. They wait for it and go on by themselves.',
        );
  return [pass('temporal', 'it answers'), isThere, attributes(searchAttributes)];
}

function attributes(wrong: string | null | undefined): Finding {
  const check = 'search attributes';
  if (wrong === undefined)
    return pass(
      check,
      'this key may not list them; workflows are started without those that are not there',
    );
  if (wrong === null) return pass(check, 'all are registered');
  return fail(
    check,
    wrong,
    'They are registered at the next dispatch, where that is allowed. Where it is not, make ' +
      'each with `temporal operator search-attribute create --name NAME --type TYPE`. Effects ' +
      'happen all the same; only their workflows are not found by these.',
  );
}
