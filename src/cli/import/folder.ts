import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CommandError, EXIT } from '../terminal/output.ts';

/** A file of a folder, and the conversation it is of in an export of several. */
export interface FolderFile {
  path: string;
  conversation?: string;
}

/** What lies beside the conversations of Slack's export. */
const LISTS =
  /^(users|channels|groups|dms|mpims|org_users|integration_logs|canvases|lists|file_conversations|huddle_transcripts|content_flags)\.json$/;

/**
 * The logs in a folder, in the order of their names, so that those of days follow each other. In
 * Slack's export each folder is a conversation.
 *
 * @param zip what was unpacked into the folder
 * @throws CommandError where there are none
 */
export function listFolder(folder: string, zip?: string): FolderFile[] {
  const root = onlyFolderIn(folder);
  const isExport = ['users.json', 'channels.json'].some((name) => existsSync(join(root, name)));
  const files = filesIn(root).filter((path) => !LISTS.test(basename(path)));
  if (files.length === 0)
    throw new CommandError(
      `${zip ?? folder} has no file in it that could be a chat log.`,
      zip ? EXIT.failed : EXIT.usage,
    );
  return files.map((path) => {
    const [conversation, ...inner] = path.slice(root.length + 1).split(/[\\/]/);
    return { path, ...(isExport && inner.length > 0 && { conversation }) };
  });
}

/** An archive often holds one folder, and all in that. */
function onlyFolderIn(folder: string): string {
  const [only, ...others] = readdirSync(folder, { withFileTypes: true }).filter(isShown);
  return only?.isDirectory() && others.length === 0
    ? onlyFolderIn(join(folder, only.name))
    : folder;
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(isShown);
  const order = new Intl.Collator('en', { numeric: true });
  return entries
    .sort((a, b) => order.compare(a.name, b.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesIn(path);
      return entry.isFile() ? [path] : [];
    });
}

const isShown = ({ name }: { name: string }) => !name.startsWith('.') && name !== '__MACOSX';
