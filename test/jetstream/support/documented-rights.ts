/** Who may do what with the stream AUDIT, as the table of docs/format/store-jetstream.md says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../support/root.ts';

export interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** By the name of the row. "the reader's" stands for what the row of that name grants. */
export function documentedRights(): ReadonlyMap<string, Rights> {
  const text = readFileSync(join(root, 'docs/format/store-jetstream.md'), 'utf8');
  const table = text.slice(text.indexOf('\n## Permissions\n'), text.indexOf('\n## Limits\n'));
  const rights = new Map<string, Rights>();
  for (const [, user, publish, subscribe] of table.matchAll(/^\| (\w+) \| (.*) \| (.*) \|$/gm)) {
    const granted = (cell: string, kind: keyof Rights): readonly string[] =>
      cell.split(', ').flatMap((right) => {
        const as = /^the (\w+)'s$/.exec(right)?.[1];
        return as === undefined ? [/^`([^`]+)`$/.exec(right)![1]!] : rights.get(as)![kind];
      });
    rights.set(user!, {
      publish: granted(publish!, 'publish'),
      subscribe: granted(subscribe!, 'subscribe'),
    });
  }
  return rights;
}

/** A user with these rights and no others, for the settings of a server. */
export function userWith(name: string, password: string, rights: Rights): string {
  return `{ user: ${name}, password: ${JSON.stringify(password)}, permissions: ${JSON.stringify(rights)} }`;
}
