import type { DemoWorkspace } from './demo-workspace.ts';
import type { Ports } from './ports.ts';
import { hasTemporal } from './stack.ts';

/**
 * `up.json`: where everything is, for scripts. Written once everything answers, gone when it stops.
 */
export interface UpFile {
  pid: number;
  api_url: string;
  console_url: string;
  /** These three are null where another transport than Temporal is used. */
  temporal_ui_url: string | null;
  temporal_address: string | null;
  temporal_namespace: string | null;
  /** KNOCKON_DEPLOYMENT, where that is set. */
  deployment?: string;
  database_url: string;
  /** KNOCKON_SCHEMA, where that is set. */
  schema?: string;
  smtp_url: string;
  mail_url: string;
  /** Where each process answers /healthz, /readyz and /metrics, by the command that starts it. */
  health_urls: Record<string, string>;
  admin_key: string;
  workspace_id: string;
  api_key: string;
}

export function describeUp(
  apiUrl: string,
  ports: Ports,
  env: NodeJS.ProcessEnv,
  demo: DemoWorkspace,
): UpFile {
  const temporal = hasTemporal(env);
  const at = (port: number) => `http://127.0.0.1:${port}`;
  return {
    pid: process.pid,
    api_url: apiUrl,
    console_url: `${apiUrl}/console`,
    temporal_ui_url: temporal ? env.TEMPORAL_UI_URL! : null,
    temporal_address: temporal ? env.TEMPORAL_ADDRESS! : null,
    temporal_namespace: temporal ? env.TEMPORAL_NAMESPACE! : null,
    ...(env.KNOCKON_DEPLOYMENT && { deployment: env.KNOCKON_DEPLOYMENT }),
    database_url: env.DATABASE_URL!,
    ...(env.KNOCKON_SCHEMA && { schema: env.KNOCKON_SCHEMA }),
    smtp_url: env.SMTP_URL!,
    mail_url: at(ports.mail),
    health_urls: {
      api: at(ports.apiHealth),
      'worker effects': at(ports.effectsHealth),
      ...(temporal && { 'worker workflows': at(ports.workflowsHealth) }),
    },
    admin_key: env.KNOCKON_ADMIN_KEY!,
    workspace_id: demo.workspace_id,
    api_key: demo.api_key,
  };
}
