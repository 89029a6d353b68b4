import type { DemoWorkspace } from './demo-workspace.ts';

/** `up.json`: where everything is, for scripts. Written once everything answers, gone when it stops. */
export interface UpFile {
  pid: number;
  api_url: string;
  console_url: string;
  temporal_ui_url: string;
  temporal_address: string;
  temporal_namespace: string;
  database_url: string;
  smtp_url: string;
  mail_url: string;
  admin_key: string;
  workspace_id: string;
  api_key: string;
}

export function describeUp(apiUrl: string, mailUrl: string, env: NodeJS.ProcessEnv, demo: DemoWorkspace): UpFile {
  return {
    pid: process.pid,
    api_url: apiUrl,
    console_url: `${apiUrl}/console`,
    temporal_ui_url: env.TEMPORAL_UI_URL!,
    temporal_address: env.TEMPORAL_ADDRESS!,
    temporal_namespace: env.TEMPORAL_NAMESPACE!,
    database_url: env.DATABASE_URL!,
    smtp_url: env.SMTP_URL!,
    mail_url: mailUrl,
    admin_key: env.KNOCKON_ADMIN_KEY!,
    workspace_id: demo.workspace_id,
    api_key: demo.api_key,
  };
}
