/** Working on what comes next while the caller works on what came before. Pure but for the work. */

export interface AheadOptions<Item> {
  /** So many at once. */
  readonly count_max: number;
  /** And no more than this, together, but for a single one. */
  readonly weight_max?: number;
  readonly weigh?: (item: Item) => number;
}

/** The results of `work`, in the order of `items`. */
export async function* ahead<Item, Result>(
  items: AsyncIterable<Item>,
  work: (item: Item) => Promise<Result>,
  { count_max, weight_max = Number.POSITIVE_INFINITY, weigh = () => 0 }: AheadOptions<Item>,
): AsyncGenerator<{ readonly item: Item; readonly result: Result }> {
  const source = items[Symbol.asyncIterator]();
  const waiting: { readonly item: Item; readonly weight: number; readonly result: Promise<Result> }[] = [];
  let weight = 0;
  let more = true;
  try {
    while (more || waiting.length > 0) {
      while (more && waiting.length < count_max && (waiting.length === 0 || weight < weight_max)) {
        const { value, done } = await source.next();
        if (done === true) {
          more = false;
          break;
        }
        const result = work(value);
        // Met below, unless the caller leaves early.
        result.catch(() => {});
        waiting.push({ item: value, weight: weigh(value), result });
        weight += weigh(value);
      }
      const first = waiting.shift();
      if (first === undefined) return;
      weight -= first.weight;
      yield { item: first.item, result: await first.result };
    }
  } finally {
    await source.return?.();
  }
}
