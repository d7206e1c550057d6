/**
 * The files that a plan is about, as they are now.
 */
import type { ConnectorPlan } from '../contract.ts';
import { type FoundFile, readFileAt } from './read.ts';

export class Files {
  readonly root: string;
  readonly #connector: string;
  readonly #max_bytes: number;

  constructor(connector: string, root: string, max_bytes: number) {
    this.root = root;
    this.#connector = connector;
    this.#max_bytes = max_bytes;
  }

  /** Null where there is none. */
  at(path: string): FoundFile | null {
    return readFileAt(this.root, path, this.#max_bytes);
  }

  /** In the order of the targets. */
  of({ targets }: ConnectorPlan): (FoundFile | null)[] {
    return targets.map(({ resource }) => this.at(this.pathOf(resource.id)));
  }

  idOf(path: string): string {
    return `${this.#connector}:${path}`;
  }

  pathOf(resource_id: string): string {
    return resource_id.slice(this.#connector.length + 1);
  }
}
