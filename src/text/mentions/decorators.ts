/** What a decorator or annotation is called with: `@Entity()`, `@Get('/')`, `@Test(t = 5)`. */
const call = '\\((?:\\)|["\'{\\[]|\\d+[,)]|\\w+ ?=|\\w+\\.\\w)';

const modifiers =
  '(?:(?:export|default|public|private|protected|internal|fileprivate|abstract|final|static|' +
  'async|data|sealed|open|readonly|override|partial|suspend|inline|weak|lazy|dynamic|volatile|' +
  'transient|virtual) )*';
const member = '(?:public|private|protected) ';
const type = '[\\w<>[\\],.?]{1,80}';
const kind = 'class|interface|enum|struct';
const ends = '(?=[^\\S\\n]{0,20}(?:\\n|$))';

/**
 * A line of code below a decorator that stands alone. What people say may begin with the same
 * words: "fun fact: …", "private repo (ours); …".
 */
const declaration = [
  `${modifiers}(?:${kind}|record|def|fun|func|function|void) \\w+(?:[(<]| ?\\{)`,
  `${modifiers}(?:def|function) \\w+ \\(`,
  `${modifiers}(?:${kind}) \\w+(?:\\(\\w*\\))?(?: : \\w|:${ends})`,
  `${modifiers}class \\w+ (?:extends|implements) \\w`,
  `${member}(?:${type} ){0,4}\\w{1,80}\\(`,
  `${member}(?:${type} ){1,4}\\w{1,80}(?: = [^\\n]{1,200})?;${ends}`,
  `${member}(?:\\w{1,80} ){0,3}\\w{1,80}[?!]?: [^\\n]{1,200};${ends}`,
  `${member}[^\\n]{1,200}\\{${ends}`,
].join('|');

const visible = '(?:public|private|protected|internal|fileprivate) ';
const generic = '(?:<[^\\n()]{1,80}>)?(?:\\[\\]){0,2}\\??';
const basic =
  '(?:string|number|boolean|bigint|unknown|any|int|long|short|byte|char|float|double|bool|' +
  `decimal|object|String|Integer|Long|Boolean|Double|UUID|(?=\\w{1,40}<)[A-Z]\\w*)${generic}`;
const classType = `(?:${basic}|[A-Z][\\w.]{0,80}${generic})`;
const united = `(?: [|&] (?:null|undefined|${classType})){0,4}`;
const bodyOrEnd = `(?:\\{|\\)(?: throws [\\w., ]{1,100})?;${ends})`;
const parameters = '[^\\n{};]{0,300}';
/** All that is said of a variable. */
const assigned = '(?: = (?:[^\\s;]{1,80}|[^\\n;]{1,80}[)\\]}]))';
const value = '(?: = [^\\n]{1,200})?';

/** A line of code that nobody says, beside a decorator too: by its braces, types or semicolon. */
const codeLine = [
  `${modifiers}(?:${kind}|record|object|protocol) \\w+[^\\n{};?!]{0,200}\\{`,
  `${modifiers}class \\w+\\((?:${visible})?va[lr] `,
  `${modifiers}(?:def|func|fun|function|void|[gs]et|${classType}) \\w+\\(${parameters}\\{`,
  `${visible}${modifiers}(?:(?:void|${classType}) )?\\w+\\(${parameters}${bodyOrEnd}`,
  `${modifiers}(?:va[lr]|const) \\w+(?:: ?\\S{1,80}${assigned}?|${assigned});?${ends}`,
  `${visible}${modifiers}va[lr] \\w+(?:: | = )`,
  `${visible}${modifiers}(?:let \\w+(?:: | = )|va[lr] \\w+${ends})`,
  `${modifiers}${basic} \\w+${value};${ends}`,
  `${visible}${modifiers}${classType} \\w+${value};${ends}`,
  `${modifiers}\\w+[?!]?: ${classType}${united}${value};${ends}`,
].join('|');

/** Below a decorator in upper case it may go on in the next line. */
const bareClass = `${modifiers}(?:${kind}) [A-Z]\\w*${ends}`;
const capital = '(?<=[@＠][A-Z][\\w.]{0,60})';

/** A call of a template: `@Html.Raw(x)`. */
const template = '(?<=[@＠][A-Z]\\w{0,60}\\.[A-Z]\\w{0,60})\\(';

/** A rule of a style sheet, `@media (max-width: 100px) {`, or a block of a template. */
const rule =
  '(?<=[@＠](?:media|supports|container|keyframes|layer|page|font-face|import|charset|include|' +
  'mixin|extend|use|tailwind|apply|' +
  'if|else|for|foreach|while|switch|case|defer|using))[^\\S\\n]{1,4}' +
  `(?:["']|\\([\\w-]+ ?: ?[\\w$]|[^\\n{};]{0,200}(?:\\{|;${ends}))`;

const newLine = '[^\\S\\n]{0,20}\\n\\s{0,20}';
const stacked = '(?:@[\\w.]+(?:\\([^\\n()]{0,100}\\))?\\s{0,20}\\n\\s{0,20}){0,4}';

/** What follows a name that makes it a decorator, an annotation or a rule. */
export const decorated = [
  ...[call, template, rule],
  `[^\\S\\n]{1,20}(?:${codeLine})`,
  `${capital}(?: @[A-Z]\\w*){1,4} (?:${codeLine})`,
  `${newLine}${stacked}(?:${declaration}|${codeLine})`,
  `${capital}${newLine}${stacked}${bareClass}`,
].join('|');
