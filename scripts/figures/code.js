// Measures src/: files, functions, comments, and cycles of imports.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

const FUNCTIONS = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
]);

/** Each file of src/ with its `lines`, `comments` (lines), `functions` and what it `imports`. */
export function readCode() {
  const paths = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => `src/${path.replaceAll('\\', '/')}`);
  const api = new API({ cwd: process.cwd() });
  try {
    const projects = ['tsconfig.json', 'src/console/tsconfig.json'].map((path) => resolve(path));
    const opened = api.updateSnapshot({ openProjects: projects }).getProjects();
    return paths.map((path) => readFile(path, opened));
  } finally {
    api.close();
  }
}

function readFile(path, projects) {
  const text = readFileSync(path, 'utf8');
  const source = projects
    .map(({ program }) => program.getSourceFile(resolve(path)))
    .find((found) => found !== undefined);
  const lines = text.replace(/\n$/, '').split('\n');
  const comments = lines.filter((line) => /^\s*(\/\/|\/\*|\*( |\/|$))/.test(line)).length;
  return {
    path,
    lines,
    comments,
    functions: functionsOf(source, text),
    imports: importsOf(path, text),
  };
}

/**
 * Each function's `name`, first line and length in lines. Bodies without a line break count too.
 */
function functionsOf(source, text) {
  const found = [];
  const lineAt = (position) => text.slice(0, position).split('\n').length;
  const visit = (node) => {
    if (FUNCTIONS.has(node.kind) && node.body) {
      const line = lineAt(node.getStart(source));
      const name = (node.name ?? node.parent?.name)?.getText?.(source) ?? '(anonymous)';
      found.push({ name, line, length: lineAt(node.end) - line + 1 });
    }
    node.forEachChild((child) => {
      visit(child);
    });
  };
  visit(source);
  return found;
}

const STATEMENT =
  /(?:^|\n)\s*(?:import|export)(\s+type)?\s[^;'"]*?from\s+['"](\.[^'"]+)['"]|(?:^|\n)import\s+['"](\.[^'"]+)['"]/g;

/** What the file imports when it runs: types alone make no cycle. */
function importsOf(path, text) {
  return [...text.matchAll(STATEMENT)]
    .filter(([, typeOnly]) => !typeOnly)
    .map(([, , from, plain]) => relative('.', resolve(dirname(path), from ?? plain)));
}

/** Groups of files that import one another in a circle (Tarjan's components of two or more). */
export function cycles(files) {
  const importsOfFile = new Map(files.map(({ path, imports }) => [path, imports]));
  const seen = new Map();
  const stack = [];
  const found = [];
  const connect = (path) => {
    const own = { index: seen.size, low: seen.size, isOnStack: true };
    seen.set(path, own);
    stack.push(path);
    for (const next of importsOfFile.get(path) ?? []) {
      if (!importsOfFile.has(next)) continue;
      if (!seen.has(next)) own.low = Math.min(own.low, connect(next).low);
      else if (seen.get(next).isOnStack) own.low = Math.min(own.low, seen.get(next).index);
    }
    if (own.low === own.index) {
      const group = stack.splice(stack.indexOf(path));
      for (const member of group) seen.get(member).isOnStack = false;
      if (group.length > 1) found.push(group.sort());
    }
    return own;
  };
  for (const { path } of files) if (!seen.has(path)) connect(path);
  return found;
}
