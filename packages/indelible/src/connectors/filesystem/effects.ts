/**
 * Carrying a plan out: staged beside the targets, announced in the journal, done, noted; and what became of one that
 * was left half-way. The inodes that the journal has tell it (steps.ts).
 *
 * Errors:  as the contract says.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { ConnectorContext, ConnectorPlan, EffectContext, Execution, Probe } from '../contract.ts';
import { assertInTime, assertVersions } from '../shared/checks.ts';
import type { Files } from './files.ts';
import type { Journal } from './journal.ts';
import { contentOf, RESTORE, restoredFiles, stepsOf } from './planning.ts';
import { type BegunStep, besideName, clear, fateOf, stage, take } from './steps.ts';

export class Effects {
  readonly #files: Files;
  readonly #journal: Journal;

  constructor(files: Files, journal: Journal) {
    this.#files = files;
    this.#journal = journal;
  }

  /** Does it once under this effect key, however often it is asked. Without `commit`, everything but the last step. */
  execute(plan: ConnectorPlan, ctx: EffectContext, commit: boolean): Promise<Execution> {
    return this.#journal.exclusively(ctx.signal, async () => {
      const entry = this.#journal.read(ctx.effect_key);
      if (commit && entry?.state === 'done') {
        await this.#clear(ctx.effect_key, entry.steps);
        return { ...entry.execution, repeated: true };
      }
      if (commit) this.#journal.assertNotFenced(ctx.effect_key, ctx.fencing_epoch);
      if (commit && entry?.state === 'begun') {
        const execution = await this.#resume(plan, entry.steps, ctx);
        if (execution !== null) return execution;
      }
      const contents = await this.#contents(plan, ctx);
      assertVersions(
        plan.targets,
        this.#files.of(plan).map((file) => file?.version ?? null),
      );
      await ctx.reached('checked');
      if (!commit) return this.#foretold(plan);
      const steps = await this.#stage(plan, contents, ctx.effect_key);
      await ctx.reached('staged');
      const { effect_key, fencing_epoch: epoch } = ctx;
      this.#journal.write(effect_key, { state: 'begun', steps }, { epoch });
      await ctx.reached('announced');
      assertInTime(ctx.signal);
      return this.#finish(plan, steps, 0, ctx);
    });
  }

  /** Goes on where an earlier try was stopped; null when that had changed nothing yet. */
  async #resume(
    plan: ConnectorPlan,
    steps: readonly BegunStep[],
    ctx: EffectContext,
  ): Promise<Execution | null> {
    const fates = await this.#fates(steps);
    if (fates.every((fate) => fate === 'pending')) return null;
    if (fates.includes('unknown')) {
      throw new IndelibleError(
        'CONNECTOR_UNAVAILABLE',
        'an earlier try left something that was changed since',
      );
    }
    const pending = fates.indexOf('pending');
    return this.#finish(plan, steps, pending === -1 ? steps.length : pending, ctx);
  }

  /** Takes the steps from the nth on, those before it having been taken by an earlier try; says what came of it. */
  async #finish(
    plan: ConnectorPlan,
    steps: readonly BegunStep[],
    from: number,
    ctx: EffectContext,
  ): Promise<Execution> {
    const late = from > 0;
    const epoch = ctx.fencing_epoch;
    for (const [nth, step] of steps.entries()) {
      if (nth < from) continue;
      try {
        await take(this.#files.root, step);
      } catch (error) {
        const refused =
          isIndelibleError(error, 'TARGET_REFUSED') || isIndelibleError(error, 'TARGET_CHANGED');
        // Only the first step's refusal means that nothing happened.
        if (nth > 0 && refused) {
          throw new IndelibleError('CONNECTOR_UNAVAILABLE', 'refused half-way', { cause: error });
        }
        if (refused) {
          this.#journal.write(ctx.effect_key, { state: 'fenced' }, { epoch });
          for (const one of steps) await clear(this.#files.root, one);
        }
        throw error;
      }
      await ctx.reached(`step ${nth + 1} taken`);
    }
    const execution = this.#left(plan, steps, late);
    // What was deleted lies aside, and there tells that it was, until this entry does.
    const uncleared = late || steps.some(({ step }) => step.kind === 'remove');
    const entry = { state: 'done', steps, execution } as const;
    this.#journal.write(ctx.effect_key, entry, { epoch, uncleared, soon: !uncleared });
    await ctx.reached('noted');
    if (uncleared) await this.#clear(ctx.effect_key, steps);
    return { ...execution, repeated: late && from === steps.length };
  }

  /** `late`: others may have been there since, and what they left is not what the steps left. */
  #left(plan: ConnectorPlan, steps: readonly BegunStep[], late: boolean): Execution {
    const found = this.#files.of(plan);
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

  #fates(steps: readonly BegunStep[]) {
    return Promise.all(steps.map((step) => fateOf(this.#files.root, step)));
  }

  /** From now on nobody with a lower epoch does it. */
  async fence(ctx: EffectContext): Promise<void> {
    await this.#journal.exclusively(ctx.signal, async () => {
      const epoch = ctx.fencing_epoch;
      this.#journal.fence(ctx.effect_key, epoch);
      const entry = this.#journal.read(ctx.effect_key);
      if (entry?.state === 'begun' && (await this.#fates(entry.steps)).every((fate) => fate === 'pending')) {
        this.#journal.write(ctx.effect_key, { state: 'fenced' }, { epoch });
        for (const step of entry.steps) await clear(this.#files.root, step);
      }
      // Deleted files that lie aside since a crash must not stay for longer than somebody restarts.
      for (const { effect_key, steps } of this.#journal.uncleared()) await this.#clear(effect_key, steps);
    });
  }

  /** What became of it, told by the journal and by where the files are. */
  async probe(plan: ConnectorPlan, effect_key: string): Promise<Probe> {
    const entry = this.#journal.read(effect_key);
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
      return { outcome: 'applied', execution: this.#left(plan, entry.steps, true), evidence };
    const execution = this.#left(plan, entry.steps, false);
    return { outcome: 'partial', execution: { ...execution, outcome: 'partial' }, evidence };
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
          ? await stage(this.#files.root, step.path, beside, step.facts, contents.get(step.path)!)
          : this.#files.at(step.path)!.inode;
      begun.push({ step, beside, inode });
    }
    return begun;
  }

  async #clear(effect_key: string, steps: readonly BegunStep[]): Promise<void> {
    for (const step of steps) await clear(this.#files.root, step);
    this.#journal.cleared(effect_key);
  }

  close(): void {
    this.#journal.close();
  }
}
