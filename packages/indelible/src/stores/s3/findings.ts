/** Findings of one inspection, of each kind as many as anybody reads. Pure. */
import type { StoreFinding } from '../contract.ts';

const EACH_MAX = 20;

export class Findings {
  readonly #kinds = new Map<
    StoreFinding['code'],
    { damage: boolean; findings: StoreFinding[]; total: number }[]
  >();
  readonly #said = new Set<string>();

  add(
    code: StoreFinding['code'],
    detail: string,
    { damage = false, seq }: { readonly damage?: boolean; readonly seq?: number } = {},
  ): void {
    const lists = this.#kinds.get(code) ?? [];
    this.#kinds.set(code, lists);
    let list = lists.find((one) => one.damage === damage);
    if (list === undefined) lists.push((list = { damage, findings: [], total: 0 }));
    list.total++;
    if (list.findings.length < EACH_MAX)
      list.findings.push({ code, detail, damage, ...(seq === undefined ? {} : { seq }) });
  }

  /** What is the same for many objects is said once. */
  once(code: StoreFinding['code'], detail: string): void {
    if (this.#said.has(detail)) return;
    this.#said.add(detail);
    this.add(code, detail);
  }

  list(): StoreFinding[] {
    return [...this.#kinds].flatMap(([code, lists]) =>
      lists.flatMap(({ damage, findings, total }) => {
        const more = total - findings.length;
        return more === 0
          ? findings
          : [...findings, { code, detail: `and ${more} more of the same kind`, damage }];
      }),
    );
  }
}
