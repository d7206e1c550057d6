/**
 * What a module imports, found in its text.
 *
 * Biome's formatting is what makes this simple enough to trust: statements start at a line's start and strings have
 * single quotes. What cannot be read that way (a computed `import(…)`) is reported as `computed`, never passed over.
 */

export interface Import {
  /** The specifier as written, or `computed`. */
  readonly specifier: string;
  readonly line: number;
  readonly kind: 'static' | 'dynamic' | 'worker' | 'computed';
}

const PATTERNS: readonly (readonly [Import['kind'], RegExp])[] = [
  ['static', /^[ \t]*(?:import|export)\b[^'";()]*?\bfrom\s*['"]([^'"]+)['"]/gm],
  ['static', /^[ \t]*import\s*['"]([^'"]+)['"]/gm],
  ['dynamic', /\bimport\(\s*['"`]([^'"`$]+)['"`]\s*[,)]/g],
  ['dynamic', /\brequire\(\s*['"`]([^'"`$]+)['"`]\s*\)/g],
  ['dynamic', /\bimport\.meta\.resolve\(\s*['"`]([^'"`$]+)['"`]\s*\)/g],
  ['computed', /(?<![.\w])(?:import|require)\(\s*(?!['"`][^'"`$]+['"`]\s*[,)])/g],
];

/** Every import of a module, in the order of the patterns above. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  const found: Import[] = [];
  for (const [kind, pattern] of PATTERNS) {
    for (const match of code.matchAll(pattern)) {
      const line = code.slice(0, match.index).split('\n').length;
      found.push({ specifier: kind === 'computed' ? 'computed' : match[1]!, line, kind });
    }
  }
  // new URL('./worker.ts', import.meta.url), or with a choice: the source's name in the source, else the built one.
  for (const match of code.matchAll(/\bnew URL\(([^;]*?),\s*import\.meta\.url,?\s*\)/g)) {
    const line = code.slice(0, match.index).split('\n').length;
    for (const [, specifier = ''] of match[1]!.matchAll(/['"`](\.[^'"`$]+\.[cm]?[jt]s)['"`]/g)) {
      found.push({ specifier, line, kind: 'worker' });
    }
  }
  return found;
}

/** The text with comments blanked, so that offsets and lines stay; strings and templates are left alone. */
export function withoutComments(source: string): string {
  // A regular expression literal may hold quotes or slashes: it is told from a division by what stands before it.
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:[!&|?{};\n]\s*|return\s+)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;
  return source.replace(token, (text) =>
    text.startsWith('//') || text.startsWith('/*') ? text.replace(/[^\n]/g, ' ') : text,
  );
}
