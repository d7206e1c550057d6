/** A connector's place under an engine on a SQLite ledger, which can be left and entered again like after a restart. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderAttachments } from '../../../packages/indelible/src/attachments/folder.ts';
import type { SampleOperation } from '../../../packages/indelible/src/connectors/conformance.ts';
import type { OperationEngine } from '../../../packages/indelible/src/operations/engine.ts';
import { mayBeAlive } from '../../../packages/indelible/src/operations/holder.ts';
import type { EngineOptions } from '../../../packages/indelible/src/operations/parts.ts';
import type { Operation } from '../../../packages/indelible/src/operations/types.ts';
import type { ConfiguredPlace } from '../../connectors/support.ts';
import { ALICE, RUNNER, World } from '../world.ts';
import type { Job } from './kill.ts';

export class Scene {
  readonly place: ConfiguredPlace;
  readonly #folder = mkdtempSync(join(tmpdir(), 'indelible-scene-'));
  #world: World | null = null;
  #leaving: (() => unknown)[] = [];

  constructor(place: ConfiguredPlace) {
    this.place = place;
  }

  get url(): string {
    return `sqlite:${join(this.#folder, 'ledger.db')}`;
  }

  get snapshots(): string {
    return join(this.#folder, 'snapshots');
  }

  get world(): World {
    assert.ok(this.#world !== null, 'the scene was left');
    return this.#world;
  }

  async enter(options: Partial<EngineOptions> = {}): Promise<OperationEngine> {
    const after = (run: () => unknown) => void this.#leaving.push(run);
    const blobs = openFolderAttachments({ path: this.snapshots });
    const world = await World.open({ after } as Parameters<typeof World.open>[0], { blobs }, this.url);
    const connector = await this.place.open();
    after(() => connector.close());
    world.connectors.clear();
    world.connectors.set(this.place.id, connector);
    for (const [name, value] of Object.entries(this.place.secret_values ?? {}))
      world.secrets.set(name, value);
    this.#world = world;
    // Who else held a lease has ended when the kernel says so.
    world.engine = world.another({ holder: `parent-${process.pid}`, mayBeAlive, ...options });
    return world.engine;
  }

  async leave(): Promise<void> {
    for (const run of this.#leaving.splice(0).reverse()) await run();
    this.#world = null;
  }

  /** Planned, and approved by whom it needs. */
  async plan({ action, params }: SampleOperation): Promise<Operation> {
    const members = [{ connector: this.place.id, action, params }];
    return this.approve(await this.world.engine.plan({ members, requester: ALICE, reason: 'a test' }));
  }

  async planUndo(operation: Operation): Promise<Operation> {
    const request = { requester: ALICE, reason: 'a test' };
    return this.approve(await this.world.engine.rollback(operation.operation_id, request));
  }

  async approve(operation: Operation): Promise<Operation> {
    return operation.state === 'pending_approval' ? this.world.vote(operation, 'bob') : operation;
  }

  apply({ operation_id }: Operation): Promise<Operation> {
    return this.world.engine.apply(operation_id, { actor: RUNNER });
  }

  job({ operation_id }: Operation, work: Job['work'], point: string, nth = 1): Job {
    const { url, snapshots, place } = this;
    return {
      ...{ url, snapshots, operation_id, work, point, nth },
      configuration: { [place.id]: place.configuration },
      secret_values: place.secret_values ?? {},
    };
  }

  async end(): Promise<void> {
    await this.leave();
    await this.place.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
