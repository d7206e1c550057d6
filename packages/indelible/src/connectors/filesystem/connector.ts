/**
 * Files below one folder: written, deleted, moved and their modes set, each in one indivisible step.
 *
 * An effect is announced in the journal before it happens, with the inode that will tell whether it happened; see
 * steps.ts. One effect at a time: a lock that ends with its process is held from the last check to the last step.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration.
 */
import { realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import type {
  Connector,
  ConnectorContext,
  ConnectorPlan,
  EffectContext,
  Execution,
  Probe,
} from '../contract.ts';
import {
  assertInTime,
  assertLimits,
  assertPlanOf,
  assertSnapshotOf,
  assertUndoable,
  assertVersions,
  checkConnectorId,
  paramsCheck,
} from '../shared/checks.ts';
import { byResource, connectorVersion, stateOf, verificationOf } from '../shared/state.ts';
import { FILESYSTEM_LIMITATIONS, filesystemActions, filesystemCapabilities } from './actions.ts';
import { checkFilesystemConfig, MIB } from './config.ts';
import { type Journal, openJournal } from './journal.ts';
import { OWN_PREFIX } from './place.ts';
import {
  contentOf,
  describe,
  describeUndo,
  type Foretold,
  fileDiff,
  foretell,
  pathsOf,
  RESTORE,
  restoredFiles,
  stepsOf,
} from './planning.ts';
import { type FileFacts, fileFacts, readFileAt } from './read.ts';
import { assertWritable, type BegunStep, besideName, clear, fateOf, stage, take } from './steps.ts';

const CODE_VERSION = 1;
export async function openFilesystemConnector(id: string, config: unknown): Promise<Connector> {
  checkConnectorId(id);
  const {
    root,
    journal,
    max_bytes = 8 * MIB,
    timeout_ms = 30_000,
    rollback_window_ms = null,
  } = checkFilesystemConfig(config);
  const folder = resolve(root);
  let real: string;
  try {
    real = realpathSync(folder);
    if (!statSync(real).isDirectory()) throw new Error('not a folder');
  } catch (error) {
    throw new IndelibleError('CONNECTOR_CONFIG', `the root of ${id} is no folder`, { cause: error });
  }
  const limits = { max_bytes, timeout_ms, rollback_window_ms };
  return new FilesystemConnector(id, real, openJournal(resolve(journal ?? join(real, OWN_PREFIX))), limits);
}

type Limits = Parameters<typeof filesystemCapabilities>[0];

class FilesystemConnector implements Connector {
  readonly id: string;
  readonly kind = 'filesystem';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = FILESYSTEM_LIMITATIONS;
  readonly #root: string;
  readonly #journal: Journal;
  readonly #limits: Limits;
  readonly #check: ReturnType<typeof paramsCheck>;
  readonly #owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

  constructor(id: string, root: string, journal: Journal, limits: Limits) {
    this.id = id;
    this.version = connectorVersion(CODE_VERSION, { root, ...limits });
    this.actions = filesystemActions(limits);
    this.#root = root;
    this.#journal = journal;
    this.#limits = limits;
    this.#check = paramsCheck(this.actions);
  }

  capabilities(action: string, params: JsonObject) {
    this.#check(action, params);
    return filesystemCapabilities(this.#limits);
  }

  async plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    return this.#plan(action, this.#check(action, params), ctx);
  }

  async #plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    assertInTime(ctx.signal);
    const capabilities = filesystemCapabilities(this.#limits);
    const paths = pathsOf(action, params);
    const found = await Promise.all(paths.map((path) => this.#read(path)));
    const foretold = foretell(action, params, found, this.#owner);
    let bytes = 0;
    const targets = paths.map((path, i) => {
      const before = found[i] ?? null;
      const after = foretold[i] as Foretold;
      bytes += (before?.content.length ?? 0) + (after.facts?.size ?? 0);
      return {
        resource: { type: 'file', id: `${this.id}:${path}` },
        version: before?.version ?? null,
        before: before?.state ?? null,
        after: after.facts === null ? null : stateOf(fileFacts(after.facts)),
        diff: fileDiff(before, after),
      };
    });
    assertLimits(capabilities.limits, { targets: targets.length, bytes });
    targets.sort(byResource);
    const steps = stepsOf({ action, params, targets });
    for (const { path } of steps) await assertWritable(this.#root, path);
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets,
      steps: steps.length === 0 ? ['nothing: everything is as it shall be'] : steps.map(describe),
      rollback_steps: steps.length === 0 ? ['nothing'] : steps.map(describeUndo).reverse(),
      capabilities,
    };
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    const found = await this.#found(plan);
    assertVersions(
      plan.targets,
      found.map((file) => file?.version ?? null),
    );
    const targets = [];
    for (const [i, { resource, before }] of plan.targets.entries()) {
      const file = found[i];
      targets.push({ resource, before, ...(file ? { blob: await ctx.blobs.put(file.content) } : {}) });
    }
    return { targets };
  }

  async execute(
    plan: ConnectorPlan,
    snapshot: Parameters<Connector['execute']>[1],
    ctx: EffectContext,
    { commit }: { readonly commit: boolean },
  ): Promise<Execution> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    assertInTime(ctx.signal);
    return this.#journal.exclusively(ctx.signal, async () => {
      const entry = this.#journal.read(ctx.effect_key);
      if (commit && entry?.state === 'done') {
        await this.#clear(ctx.effect_key, entry.steps);
        return { ...entry.execution, repeated: true };
      }
      if (commit) this.#journal.assertNotFenced(ctx.effect_key, ctx.fencing_epoch);
      const begun = commit && entry?.state === 'begun' ? entry.steps : null;
      const fates = begun === null ? [] : await this.#fates(begun);
      if (begun !== null && fates.some((fate) => fate !== 'pending')) {
        if (fates.includes('unknown')) {
          throw new IndelibleError(
            'CONNECTOR_UNAVAILABLE',
            'an earlier try left something that was changed since',
          );
        }
        return this.#finish(
          plan,
          begun,
          fates.indexOf('pending'),
          ctx,
          fates.every((fate) => fate === 'applied'),
        );
      }
      const contents = await this.#contents(plan, ctx);
      assertVersions(
        plan.targets,
        (await this.#found(plan)).map((file) => file?.version ?? null),
      );
      await ctx.reached('checked');
      if (!commit) return this.#foretold(plan);
      const steps = await this.#stage(plan, contents, ctx.effect_key);
      await ctx.reached('staged');
      const { effect_key, fencing_epoch: epoch } = ctx;
      this.#journal.write(effect_key, { state: 'begun', steps }, { epoch });
      await ctx.reached('announced');
      assertInTime(ctx.signal);
      return this.#finish(plan, steps, 0, ctx, false);
    });
  }

  /** What a dry run would have done. */
  #foretold(plan: ConnectorPlan): Execution {
    return {
      committed: false,
      outcome: 'not_applied',
      repeated: false,
      targets: plan.targets.map(({ resource, before, after, version }) => ({
        resource,
        before,
        after,
        version,
      })),
      evidence: {},
    };
  }

  /** The bytes of every file that will be put, by path. */
  async #contents(plan: ConnectorPlan, ctx: ConnectorContext): Promise<Map<string, Uint8Array>> {
    const contents = new Map<string, Uint8Array>();
    if (plan.action === 'write') contents.set(plan.params.path as string, contentOf(plan.params));
    if (plan.action !== RESTORE) return contents;
    for (const { path, blob } of restoredFiles(plan.params)) {
      if (blob !== null) contents.set(path, await ctx.blobs.get(blob));
    }
    return contents;
  }

  async #stage(plan: ConnectorPlan, contents: ReadonlyMap<string, Uint8Array>, effect_key: string) {
    const begun: BegunStep[] = [];
    for (const [nth, step] of stepsOf(plan).entries()) {
      const beside = besideName(effect_key, nth);
      const inode =
        step.kind === 'put'
          ? await stage(this.#root, step.path, beside, step.facts, contents.get(step.path)!)
          : (await this.#read(step.path))!.inode;
      begun.push({ step, beside, inode });
    }
    return begun;
  }

  /** Takes the steps from the nth on, and says what came of it. */
  async #finish(
    plan: ConnectorPlan,
    steps: readonly BegunStep[],
    from: number,
    ctx: EffectContext,
    repeated: boolean,
  ): Promise<Execution> {
    const epoch = ctx.fencing_epoch;
    for (const [nth, step] of steps.entries()) {
      if (repeated || nth < from) continue;
      try {
        await take(this.#root, step);
      } catch (error) {
        const refused =
          isIndelibleError(error, 'TARGET_REFUSED') || isIndelibleError(error, 'TARGET_CHANGED');
        // Only the first step's refusal means that nothing happened.
        if (nth > 0 && refused) {
          throw new IndelibleError('CONNECTOR_UNAVAILABLE', 'refused half-way', { cause: error });
        }
        if (refused) {
          this.#journal.write(ctx.effect_key, { state: 'fenced' }, { epoch });
          for (const one of steps) await clear(this.#root, one);
        }
        throw error;
      }
      await ctx.reached(`step ${nth + 1} taken`);
    }
    const execution = await this.#left(plan, steps, repeated || from > 0);
    // What was deleted lies aside, and there tells that it was, until this entry does.
    const uncleared = repeated || from > 0 || steps.some(({ step }) => step.kind === 'remove');
    const entry = { state: 'done', steps, execution } as const;
    this.#journal.write(ctx.effect_key, entry, { epoch, uncleared, soon: !uncleared });
    await ctx.reached('noted');
    if (uncleared) await this.#clear(ctx.effect_key, steps);
    return { ...execution, repeated };
  }

  /** `late`: others may have been there since, and what they left is not what the steps left. */
  async #left(plan: ConnectorPlan, steps: readonly BegunStep[], late: boolean): Promise<Execution> {
    const found = await this.#found(plan);
    return {
      committed: true,
      outcome: 'applied',
      repeated: false,
      targets: plan.targets.map(({ resource, before, after }, i) => ({
        resource,
        before,
        after: late ? after : (found[i]?.state ?? null),
        version: found[i]?.version ?? null,
      })),
      evidence: { inodes: steps.map(({ inode }) => inode) },
    };
  }

  async #clear(effect_key: string, steps: readonly BegunStep[]): Promise<void> {
    for (const step of steps) await clear(this.#root, step);
    this.#journal.cleared(effect_key);
  }

  async #fates(steps: readonly BegunStep[]) {
    return Promise.all(steps.map((step) => fateOf(this.#root, step)));
  }

  async fence(_plan: ConnectorPlan, ctx: EffectContext): Promise<void> {
    await this.#journal.exclusively(ctx.signal, async () => {
      const epoch = ctx.fencing_epoch;
      this.#journal.fence(ctx.effect_key, epoch);
      const entry = this.#journal.read(ctx.effect_key);
      if (entry?.state === 'begun' && (await this.#fates(entry.steps)).every((fate) => fate === 'pending')) {
        this.#journal.write(ctx.effect_key, { state: 'fenced' }, { epoch });
        for (const step of entry.steps) await clear(this.#root, step);
      }
      // Deleted files that lie aside since a crash must not stay for longer than somebody restarts.
      for (const { effect_key, steps } of this.#journal.uncleared()) await this.#clear(effect_key, steps);
    });
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    const entry = this.#journal.read(ctx.effect_key);
    if (entry === null || entry.state === 'fenced') {
      return { outcome: 'not_applied', execution: null, evidence: { journal: entry?.state ?? 'nothing' } };
    }
    if (entry.state === 'done') {
      return { outcome: 'applied', execution: entry.execution, evidence: { journal: 'done' } };
    }
    const fates = await this.#fates(entry.steps);
    const evidence = { journal: 'begun', steps: fates };
    if (fates.includes('unknown')) return { outcome: 'unknown', execution: null, evidence };
    if (!fates.includes('applied') && fates.length > 0)
      return { outcome: 'not_applied', execution: null, evidence };
    if (!fates.includes('pending'))
      return { outcome: 'applied', execution: await this.#left(plan, entry.steps, true), evidence };
    const execution = await this.#left(plan, entry.steps, false);
    return { outcome: 'partial', execution: { ...execution, outcome: 'partial' }, evidence };
  }

  async verify(plan: ConnectorPlan, execution: Execution, _ctx: ConnectorContext) {
    const found = await this.#found(plan);
    return verificationOf(
      execution,
      found.map((file) => file?.state ?? null),
    );
  }

  async planRollback(
    plan: ConnectorPlan,
    execution: Execution,
    snapshot: Parameters<Connector['planRollback']>[2],
    ctx: ConnectorContext,
    { override = false } = {},
  ): Promise<ConnectorPlan> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    const now = (await this.#found(plan)).map((file) => file?.state ?? null);
    assertUndoable(plan.capabilities, execution, now, override);
    if (!override && plan.action === 'move') {
      return this.#plan('move', { from: plan.params.to!, to: plan.params.from! }, ctx);
    }
    if (!override && plan.action === 'chmod') {
      const { mode } = plan.targets[0]!.before!.facts;
      return this.#plan('chmod', { path: plan.params.path!, mode: mode! }, ctx);
    }
    const files = snapshot.targets.map(({ resource, before, blob }) => ({
      path: this.#pathOf(resource.id),
      facts: before === null ? null : fileFacts(before.facts as unknown as FileFacts),
      blob: blob ?? null,
    }));
    return this.#plan(RESTORE, { files }, ctx);
  }

  #pathOf(resource_id: string): string {
    return resource_id.slice(this.id.length + 1);
  }

  #read(path: string) {
    return readFileAt(this.#root, path, this.#limits.max_bytes);
  }

  /** In the order of the targets. */
  async #found(plan: ConnectorPlan) {
    return Promise.all(plan.targets.map(({ resource }) => this.#read(this.#pathOf(resource.id))));
  }

  async close(): Promise<void> {
    this.#journal.close();
  }
}
