/** Objects that were got lately: single records are asked for in runs, and objects never change. */
import type { StoredObject } from '../../s3/object-facts.ts';

const BYTES_MAX = 8 << 20;

export class RecentObjects {
  readonly #objects = new Map<string, StoredObject>();
  #bytes = 0;

  async get(key: string, fetch: () => Promise<StoredObject | null>): Promise<StoredObject | null> {
    const known = this.#objects.get(key);
    if (known !== undefined) {
      // Behind all others: the oldest is dropped first.
      this.#objects.delete(key);
      this.#objects.set(key, known);
      return known;
    }
    const object = await fetch();
    if (object !== null && object.bytes.length <= BYTES_MAX / 4) this.#keep(key, object);
    return object;
  }

  #keep(key: string, object: StoredObject): void {
    if (this.#objects.has(key)) return;
    this.#objects.set(key, object);
    this.#bytes += object.bytes.length;
    for (const [oldest, { bytes }] of this.#objects) {
      if (this.#bytes <= BYTES_MAX) return;
      this.#objects.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}
