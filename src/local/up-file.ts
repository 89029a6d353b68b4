import type { DemoWorkspace } from './demo-workspace.ts';
import { hasTemporal } from './stack.ts';

/** `up.json`: where everything is, for scripts. Written once everything answers, gone when it stops. */
export interface UpFile {
  pid: number;
  api_url: string;
  console_url: string;
  /** These three are null where another transport than Temporal is used. */
  temporal_ui_url: string | null;
  temporal_address: string | null;
  temporal_namespace: string | null;
  database_url: string;
  smtp_url: string;
  mail_url: string;
  admin_key: string;
  workspace_id: string;
  api_key: string;
}

export function describeUp(apiUrl: string, mailUrl: string, env: NodeJS.ProcessEnv, demo: DemoWorkspace): UpFile {
  const temporal = hasTemporal(env);
  return {
    pid: process.pid,
    api_url: apiUrl,
    console_url: `${apiUrl}/console`,
    temporal_ui_url: temporal ? env.TEMPORAL_UI_URL! : null,
    temporal_address: temporal ? env.TEMPORAL_ADDRESS! : null,
    temporal_namespace: temporal ? env.TEMPORAL_NAMESPACE! : null,
    database_url: env.DATABASE_URL!,
    smtp_url: env.SMTP_URL!,
    mail_url: mailUrl,
    admin_key: env.KNOCKON_ADMIN_KEY!,
    workspace_id: demo.workspace_id,
    api_key: demo.api_key,
  };
}
