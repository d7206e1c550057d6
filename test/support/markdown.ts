/**
 * Finds the code blocks of the documentation.
 *
 * Pure:    no I/O.
 */

export interface CodeBlock {
  /** The first word behind the fence: `ts`, `sh`, … */
  readonly language: string;
  /** The words behind it. */
  readonly note: string;
  readonly text: string;
  /** Where the text starts, for messages. */
  readonly line: number;
}

/** The fenced blocks of a Markdown text, in order. Throws for a fence that is never closed. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = /^( *)(`{3,})(.*)$/.exec(lines[i]!);
    if (fence === null) continue;
    const [, indent = '', ticks = '', info = ''] = fence;
    const start = i + 1;
    do i++;
    while (i < lines.length && lines[i]!.trim() !== ticks);
    if (i >= lines.length) throw new Error(`the code block at line ${start} is never closed`);
    const [language = '', ...note] = info.trim().split(/\s+/);
    const text = lines
      .slice(start, i)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    blocks.push({ language, note: note.join(' '), text: `${text.join('\n')}\n`, line: start + 1 });
  }
  return blocks;
}
