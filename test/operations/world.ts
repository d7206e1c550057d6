/** An engine on a ledger in memory, with a system in memory, people with keys, policies on demand, and its own clock. */
import { generateKeyPairSync } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type Actor, type Event, formatVerifierKey, type JsonObject, type NoteSigner } from '@indelible/core';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { memoryBlobs } from '../../packages/indelible/src/connectors/conformance/case.ts';
import type { Blobs, Connector } from '../../packages/indelible/src/connectors/contract.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { changeApprovers } from '../../packages/indelible/src/operations/approvers.ts';
import { OperationEngine } from '../../packages/indelible/src/operations/engine.ts';
import { endorse, enrolmentText } from '../../packages/indelible/src/operations/enrolment.ts';
import type { PolicyGate } from '../../packages/indelible/src/operations/gate.ts';
import type { EngineOptions } from '../../packages/indelible/src/operations/parts.ts';
import { hashOf } from '../../packages/indelible/src/operations/plan-hash.ts';
import type {
  Decision,
  Operation,
  OperationRequest,
  VotePurpose,
} from '../../packages/indelible/src/operations/types.ts';
import { signStatement } from '../../packages/indelible/src/operations/votes.ts';
import { signerOf } from '../../packages/indelible/src/transparency/private-key.ts';
import { MemoryConnector, type MemoryOptions, MemorySystem } from './memory-connector.ts';

export const ALICE: Actor = { type: 'user', id: 'alice' };
export const BOT: Actor = { type: 'agent', id: 'bot', on_behalf_of: ALICE };
export const RUNNER: Actor = { type: 'service', id: 'runner' };
export const LEDGER = 'acme.example/test';
export const START = Date.parse('2026-11-21T00:00:00.000Z');

/** A policy that says what the test wants. */
export class TestPolicy implements PolicyGate {
  says: Partial<Decision> = { effect: 'allow' };
  version = 1;
  readonly roles = new Map<string, string[]>([
    ['bob', ['dba']],
    ['carol', []],
    ['dave', ['dba']],
    ['alice', ['dba']],
  ]);

  async current() {
    const policy_set_hash = hashOf({ policy: this.version });
    const entities_hash = hashOf([...this.roles]);
    const decision = (): Decision => {
      const facts = {
        effect: 'allow' as const,
        reason: 'the test says so',
        approvals: [],
        review: [],
        approval_expires_after_ms: null,
        execute_within_ms: null,
        ...this.says,
      };
      return {
        ...facts,
        policy_set_hash,
        entities_hash,
        decision_hash: hashOf({ facts, policy_set_hash, entities_hash }),
      };
    };
    return {
      policy_set_hash,
      entities_hash,
      decide: decision,
      combine: (all: readonly Decision[]) => all.find(({ effect }) => effect === 'deny') ?? all[0]!,
      knows: (id: string) => this.roles.has(id),
      rolesOf: (id: string) => this.roles.get(id) ?? [],
      loadedEvent: (): Event => ({ action: 'policy.loaded', data: { policy_set_hash } }),
    };
  }
}

/** Enrols a person's key, signed for by others. */
export async function enrol(
  ledger: Ledger,
  person_id: string,
  signer: NoteSigner,
  others: readonly NoteSigner[],
  requested_at = new Date().toISOString(),
): Promise<void> {
  const key = formatVerifierKey(signer.key);
  let request = enrolmentText({ change: 'enrol', ledger: ledger.name, person_id, key, requested_at });
  for (const other of others) request = await endorse(request, other);
  await changeApprovers(ledger, request, ALICE, requested_at);
}

export interface WorldOptions extends MemoryOptions {
  readonly blobs?: Blobs;
}

export class World {
  readonly ledger: Ledger;
  readonly system = new MemorySystem();
  readonly policy = new TestPolicy();
  readonly connector: MemoryConnector;
  readonly connectors: Map<string, Connector>;
  readonly signers = new Map<string, NoteSigner>();
  readonly notices: JsonObject[] = [];
  readonly secrets = new Map<string, string>();
  readonly #clock: { now: number };
  readonly #blobs: Blobs;
  engine: OperationEngine;

  static async open(
    t: Pick<TestContext, 'after'>,
    options: WorldOptions = {},
    url = 'memory:',
  ): Promise<World> {
    const clock = { now: START };
    const ledger = await openLedger(url, { name: LEDGER, clock: () => clock.now });
    t.after(() => ledger.close());
    return new World(ledger, clock, options);
  }

  private constructor(ledger: Ledger, clock: { now: number }, options: WorldOptions) {
    this.ledger = ledger;
    this.#blobs = options.blobs ?? memoryBlobs();
    this.#clock = clock;
    this.connector = new MemoryConnector(this.system, options);
    this.connectors = new Map([[this.connector.id, this.connector]]);
    this.system.set('price', 1);
    this.system.set('stock', 10);
    this.engine = this.another({ holder: 'first' });
  }

  /** Another process, as far as the ledger can tell. */
  another(options: Partial<EngineOptions> = {}): OperationEngine {
    return new OperationEngine({
      ledger: this.ledger,
      connectors: this.connectors,
      policy: this.policy,
      blobs: this.#blobs,
      clock: () => this.#clock.now,
      secret: async (name) => this.secrets.get(name) ?? '',
      notify: async (notice) => void this.notices.push(notice as unknown as JsonObject),
      mayBeAlive: () => true,
      ...options,
    });
  }

  pass(ms: number): void {
    this.#clock.now += ms;
  }

  get now(): string {
    return new Date(this.#clock.now).toISOString();
  }

  request(value: number | null = 2, over: Partial<OperationRequest> = {}): OperationRequest {
    const members = [{ connector: 'memory', action: 'set', params: { key: 'price', value } }];
    return { members, requester: BOT, reason: 'the price is wrong', ...over };
  }

  async applied(over: Partial<OperationRequest> = {}): Promise<Operation> {
    const { operation_id } = await this.engine.plan(this.request(2, over));
    return this.engine.apply(operation_id, { actor: RUNNER });
  }

  async signer(id: string): Promise<NoteSigner> {
    const known = this.signers.get(id);
    if (known !== undefined) return known;
    const signer = signerOf(generateKeyPairSync('ed25519').privateKey, id);
    await enrol(this.ledger, id, signer, [...this.signers.values()].slice(0, 2), this.now);
    this.signers.set(id, signer);
    return signer;
  }

  async sign(
    operation: Operation,
    id: string,
    vote: 'approve' | 'deny' = 'approve',
    purpose: VotePurpose | 'break_glass' = 'approval',
  ) {
    const { operation_id, plan_hash } = operation;
    const person = { type: 'user', id };
    const statement = {
      operation_id,
      plan_hash: plan_hash!,
      vote,
      purpose,
      person,
      ledger: this.ledger.name,
    };
    return signStatement({ ...statement, reason: null, signed_at: this.now }, await this.signer(id));
  }

  async vote(
    operation: Operation,
    id: string,
    vote: 'approve' | 'deny' = 'approve',
    purpose: VotePurpose = 'approval',
    engine = this.engine,
  ): Promise<Operation> {
    const signature = await this.sign(operation, id, vote, purpose);
    return engine.vote(operation.operation_id, { plan_hash: operation.plan_hash!, vote, purpose, signature });
  }

  /** What was refused of an operation, in order. */
  async refusalData(id: string): Promise<{ code: string; details?: { rule?: string } }[]> {
    await this.ledger.caughtUp();
    const filter = { resource: id, action: 'operation.refused' };
    const { seqs } = await this.ledger.index!.search({ filter, order: 'oldest', limit: 1000 });
    const records = await this.ledger.get(seqs);
    return records.map(({ record }) => record.data as unknown as { code: string });
  }

  async refusals(id: string): Promise<string[]> {
    return (await this.refusalData(id)).map(({ code }) => code);
  }

  /** The actions recorded about an operation, in order, without their common beginning. */
  async actions(id: string): Promise<string[]> {
    await this.ledger.caughtUp();
    const { seqs } = await this.ledger.index!.search({
      filter: { resource: id },
      order: 'oldest',
      limit: 1000,
    });
    const records = await this.ledger.get(seqs);
    return records.map(({ record }) => record.action.replace('operation.', ''));
  }
}
