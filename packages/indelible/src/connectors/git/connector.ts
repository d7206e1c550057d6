/**
 * Files committed to a branch of a Git repository, on this machine.
 *
 * The branch is moved in one step, and only from the commit that was planned upon. The commit names the operation and
 * the effect key, which is how a later look tells whether it was made. An undo is a commit, too, so that history stays;
 * or, if the configuration says so, it moves the branch back to where it was.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { canonicalize, IndelibleError, type JsonObject } from '@indelible/core';
import type {
  Capabilities,
  Connector,
  ConnectorContext,
  ConnectorPlan,
  EffectContext,
  Execution,
  Probe,
  StateDiff,
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
import { connectorVersion, stateOf, verificationOf } from '../shared/state.ts';
import { changesOf, commitAction } from './commit-action.ts';
import { checkGitConfig, type GitConfig, MIB } from './config.ts';
import { type FileChange, Repository, type Tip } from './repository.ts';

const CODE_VERSION = 1;
const SHOWN_MAX = 256 * 1024;
/** The actions of plans that only `planRollback` makes: the earlier tree as a commit, or the branch where it was. */
const RESTORE = 'restore';
const MOVE_BACK = 'move-back';

const LIMITATIONS = {
  history: 'An undo is a further commit: the first one stays in the history, and so does what it holds.',
  dropped:
    'An undo takes the commits since then off the branch, with an override those of others, too; git may then delete them.',
  pushed: 'Commits that were pushed or fetched meanwhile stay where they went.',
  hooks: 'Hooks of `git commit` do not run; what other hooks do is not put back.',
} as const;

export async function openGitConnector(id: string, given: unknown): Promise<Connector> {
  checkConnectorId(id);
  const config = checkGitConfig(given);
  const folder = resolve(config.repository);
  if (!existsSync(folder))
    throw new IndelibleError('CONNECTOR_CONFIG', `the repository of ${id} does not exist`);
  return new GitConnector(id, { ...config, repository: folder });
}

class GitConnector implements Connector {
  readonly id: string;
  readonly kind = 'git';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = LIMITATIONS;
  readonly #config: GitConfig;
  readonly #repository: Repository;
  readonly #capabilities: Capabilities;
  readonly #check: ReturnType<typeof paramsCheck>;

  constructor(id: string, config: GitConfig) {
    const { max_bytes = 4 * MIB, timeout_ms = 60_000, rollback_window_ms = null, undo = 'commit' } = config;
    this.id = id;
    this.version = connectorVersion(CODE_VERSION, config);
    this.#config = config;
    this.#repository = new Repository(config.repository);
    this.#capabilities = {
      guarantee: 'cas',
      dry_run: 'computed',
      probe: true,
      rollback: {
        can_rollback: true,
        method: undo === 'ref' ? 'snapshot-restore' : 'inverse',
        window_ms: rollback_window_ms,
        limitations: [undo === 'ref' ? 'dropped' : 'history', 'pushed', 'hooks'],
      },
      limits: { max_targets: 1, max_bytes, timeout_ms },
    };
    this.actions = { commit: commitAction(config.branches, this.#capabilities) };
    this.#check = paramsCheck(this.actions);
  }

  capabilities(action: string, params: JsonObject): Capabilities {
    this.#check(action, params);
    return this.#capabilities;
  }

  async plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    return this.#plan(action, this.#check(action, params), ctx);
  }

  async #plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    assertInTime(ctx.signal);
    const ref = refOf(params);
    const tip = await this.#repository.tip(ref, ctx.signal);
    if (tip === null) throw new IndelibleError('TARGET_NOT_FOUND', `there is no branch ${params.branch}`);
    if (await this.#repository.isCheckedOut(ref, ctx.signal)) {
      throw new IndelibleError(
        'TARGET_REFUSED',
        `${params.branch} is checked out: its files would not follow`,
      );
    }
    const changes = action === 'commit' ? changesOf(params) : [];
    const bytes = changes.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
    assertLimits(this.#capabilities.limits, { targets: 1, bytes });
    const { tree, diff } = await this.#foretell(action, params, tip, ctx.signal);
    const target = {
      resource: { type: 'git-branch', id: `${this.id}:${ref}` },
      version: tip.commit,
      before: stateOf({ tree: tip.tree }, { commit: tip.commit }),
      after: stateOf({ tree }),
      diff,
    };
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: [target],
      steps: [
        ...describe(action, changes),
        `move ${ref} from ${tip.commit} to ${action === MOVE_BACK ? params.commit : 'the new commit'}`,
      ],
      rollback_steps: [
        this.#config.undo === 'ref'
          ? `move ${ref} to ${tip.commit} again`
          : `commit the tree ${tip.tree} to ${ref} again`,
      ],
      capabilities: this.#capabilities,
    };
  }

  async #foretell(action: string, params: JsonObject, tip: Tip, signal: AbortSignal) {
    if (action !== 'commit') {
      const tree = params.tree as string;
      const commit = params.commit as string | undefined;
      if (commit !== undefined && !(await this.#repository.has(commit, signal))) {
        throw new IndelibleError('ROLLBACK_REFUSED', `the repository no longer has the commit ${commit}`);
      }
      if (!(await this.#repository.has(tree, signal))) {
        throw new IndelibleError('ROLLBACK_REFUSED', `the repository no longer has the tree ${tree}`);
      }
      return { tree, diff: shown(await this.#repository.diff(tip.tree, tree, signal)) };
    }
    return this.#repository.withTree(tip.commit, changesOf(params), false, signal, async (tree, env) => {
      if (tree === tip.tree) throw new IndelibleError('TARGET_REFUSED', 'the branch has all of this already');
      return { tree, diff: shown(await this.#repository.diff(tip.tree, tree, signal, env)) };
    });
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    const tip = await this.#repository.tip(refOf(plan.params), ctx.signal);
    assertVersions(plan.targets, [tip?.commit ?? null]);
    return { targets: plan.targets.map(({ resource, before }) => ({ resource, before })) };
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
    const { signal } = ctx;
    const ref = refOf(plan.params);
    const [{ version, resource, before }] = plan.targets as [ConnectorPlan['targets'][number]];
    const tip = await this.#repository.tip(ref, signal);
    if (commit && tip !== null && tip.commit !== version) {
      const made = await this.#find(plan, tip, ctx);
      if (made !== null && made !== 'lost') return this.#made(plan, made, true, signal);
    }
    assertVersions(plan.targets, [tip?.commit ?? null]);
    await ctx.reached('checked');
    const build = (tree: string) => this.#commitTo(plan, tree, ctx);
    if (!commit) {
      const { tree } = await this.#foretell(plan.action, plan.params, tip!, signal);
      const after = stateOf({ tree });
      return {
        committed: false,
        outcome: 'not_applied',
        repeated: false,
        targets: [{ resource, before, after, version }],
        evidence: {},
      };
    }
    const made =
      plan.action === 'commit'
        ? await this.#repository.withTree(version!, changesOf(plan.params), true, signal, build)
        : plan.action === RESTORE
          ? await build(plan.params.tree as string)
          : (plan.params.commit as string);
    await ctx.reached('made, not on the branch');
    if (!(await this.#repository.swap(ref, made, version!, signal))) {
      const now = await this.#repository.tip(ref, signal);
      const earlier = await this.#find(plan, now, ctx);
      if (earlier !== null && earlier !== 'lost') return this.#made(plan, earlier, true, signal);
      assertVersions(plan.targets, [now?.commit ?? null]);
      throw new IndelibleError(
        'CONNECTOR_UNAVAILABLE',
        `git did not move ${ref}: another process may have it locked`,
      );
    }
    await ctx.reached('on the branch');
    return this.#made(plan, made, false, signal);
  }

  /** The commit that this effect left on the branch; null when it has had none, `lost` when nobody can tell. */
  async #find(plan: ConnectorPlan, tip: Tip | null, ctx: EffectContext): Promise<string | null | 'lost'> {
    const planned = plan.targets[0]!.version!;
    if (plan.action !== MOVE_BACK)
      return this.#repository.findSince(planned, refOf(plan.params), effectLine(ctx), ctx.signal);
    // Moving a branch leaves no mark on it but where it is.
    if (tip?.commit === planned) return null;
    return tip?.commit === plan.params.commit ? tip!.commit : 'lost';
  }

  #commitTo(plan: ConnectorPlan, tree: string, ctx: EffectContext): Promise<string> {
    const { message } = plan.params as { message: string };
    const trailers = `Indelible-Operation: ${ctx.operation_id}\n${effectLine(ctx)}\n`;
    return this.#repository.commit(
      {
        tree,
        parent: plan.targets[0]!.version!,
        message: `${message.trimEnd()}\n\n${trailers}`,
        author: this.#config.author,
      },
      ctx.signal,
    );
  }

  async #made(
    plan: ConnectorPlan,
    commit: string,
    repeated: boolean,
    signal: AbortSignal,
  ): Promise<Execution> {
    const [{ resource, before }] = plan.targets as [ConnectorPlan['targets'][number]];
    const after = stateOf({ tree: await this.#repository.treeOf(commit, signal) }, { commit });
    return {
      committed: true,
      outcome: 'applied',
      repeated,
      targets: [{ resource, before, after, version: commit }],
      evidence: { commit },
    };
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    const ref = refOf(plan.params);
    const found = await this.#find(plan, await this.#repository.tip(ref, ctx.signal), ctx);
    if (found === 'lost') {
      return {
        outcome: 'unknown',
        execution: null,
        evidence: { history: 'no longer goes on from the planned commit' },
      };
    }
    if (found === null) return { outcome: 'not_applied', execution: null, evidence: { commit: null } };
    const execution = await this.#made(plan, found, false, ctx.signal);
    return { outcome: 'applied', execution, evidence: { commit: found } };
  }

  async verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext) {
    return verificationOf(execution, [await this.#now(plan, ctx)]);
  }

  async #now(plan: ConnectorPlan, ctx: ConnectorContext) {
    const tip = await this.#repository.tip(refOf(plan.params), ctx.signal);
    return tip && stateOf({ tree: tip.tree }, { commit: tip.commit });
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
    assertUndoable(plan.capabilities, execution, [await this.#now(plan, ctx)], override);
    const { tree } = snapshot.targets[0]!.before!.facts as { tree: string };
    if (this.#config.undo === 'ref') {
      const commit = plan.targets[0]!.version!;
      return this.#plan(MOVE_BACK, { branch: plan.params.branch!, tree, commit }, ctx);
    }
    const message = `Undo "${(plan.params.message as string).split('\n')[0]!.slice(0, 200)}"`;
    return this.#plan(RESTORE, { branch: plan.params.branch!, tree, message }, ctx);
  }

  async close(): Promise<void> {}
}

function refOf(params: JsonObject): string {
  return `refs/heads/${params.branch}`;
}

function effectLine({ effect_key }: EffectContext): string {
  return `Indelible-Effect: ${effect_key}`;
}

function describe(action: string, changes: readonly FileChange[]): string[] {
  if (action === RESTORE) return ['commit the earlier tree again'];
  if (action === MOVE_BACK) return [];
  return changes.map(({ path, content }) =>
    content === null ? `delete ${path}` : `write ${path}: ${content.length} bytes`,
  );
}

function shown(text: string): StateDiff {
  return canonicalize(text).length > SHOWN_MAX
    ? { format: 'none', reason: `a patch of ${text.length} characters; see git diff of the two trees` }
    : { format: 'unified', text };
}
