/** Where people look at workflows; no links without a `url`. */
export interface TemporalUi {
  url: string | undefined;
  namespace: string;
}

/** What of the Temporal UI is about our namespace; null where nobody has said where it is. */
export const namespaceUrl = ({ url, namespace }: TemporalUi): string | null =>
  url ? `${url.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}` : null;

/** A workflow in the Temporal UI, or one run of it. */
export function workflowUrl(ui: TemporalUi, id: string, runId?: string | null): string | null {
  const url = namespaceUrl(ui);
  if (url === null) return null;
  return runId ? `${url}/workflows/${id}/${runId}/history` : `${url}/workflows/${id}`;
}
