import { type Naming, namingOf } from '../../transport/naming.ts';

/** Where people look at workflows; no links without a `url`. */
export interface TemporalUi {
  url: string | undefined;
  namespace: string;
  /** Unset: the deployment has no name. */
  naming?: Naming;
}

/** What of the Temporal UI is about our namespace; null where nobody has said where it is. */
export const namespaceUrl = ({ url, namespace }: TemporalUi): string | null =>
  url ? `${url.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}` : null;

/**
 * A workflow as it is called in Temporal, and where it is seen in the UI, or one run of it.
 *
 * @param id without the deployment's name, or with it
 */
export function workflowLink(
  ui: TemporalUi,
  id: string,
  runId?: string | null,
): { id: string; url: string | null } {
  const { naming = namingOf(undefined) } = ui;
  const inTemporal = naming.of(naming.own(id) ?? id);
  const url = namespaceUrl(ui);
  if (url === null) return { id: inTemporal, url };
  const page = `${url}/workflows/${encodeURIComponent(inTemporal)}`;
  return { id: inTemporal, url: runId ? `${page}/${runId}/history` : page };
}
