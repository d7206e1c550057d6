/**
 * Processes that die at every point of the protocol, and what recovery makes of it.
 *
 * Each is looked at twice: left alone, and with somebody else changing the target before anybody recovers. Whatever an
 * effect leaves behind, doing it a second time would go over that change.
 */
import assert from 'node:assert/strict';
import type { ConnectorPlan, Guarantee } from '../../../packages/indelible/src/connectors/contract.ts';
import type { State } from '../../../packages/indelible/src/operations/lifecycle.ts';
import type { Operation } from '../../../packages/indelible/src/operations/types.ts';
import type { Victims } from './kill.ts';
import type { Places } from './places.ts';
import { Scene } from './scene.ts';

/** What is under way when the process dies: an operation, or its undo. */
export interface Subject {
  readonly name: string;
  readonly sample: number;
  readonly undo: boolean;
  readonly guarantee: Guarantee;
}

export interface Crash {
  readonly subject: Subject;
  readonly point: string;
  readonly nth: number;
  /** Where the process dies that recovers. */
  readonly again: 'taken' | 'probed' | null;
}

export interface Outcome {
  readonly state: State;
  /** Against what it was before, or what somebody else made it meanwhile. */
  readonly target: 'changed' | 'as it was';
}

/** One operation for each guarantee that the connector gives, and one undo. */
export async function subjectsOf(places: Places): Promise<Subject[]> {
  const place = await places.make();
  const connector = await place.open();
  const subjects = new Map<string, Subject>();
  for (const [sample, { action, params }] of place.samples.entries()) {
    const { guarantee, rollback } = connector.capabilities(action, params);
    const subject = { name: action, sample, undo: false, guarantee };
    if (!subjects.has(guarantee)) subjects.set(guarantee, subject);
    if (rollback.can_rollback && !subjects.has('undo'))
      subjects.set('undo', { ...subject, name: `undo of ${action}`, undo: true });
  }
  await connector.close();
  await place.remove();
  return [...subjects.values()];
}

/** Every point that the subject passes while it is applied, and two of its recovery. */
export async function crashesOf(places: Places, subject: Subject): Promise<Crash[]> {
  const scene = new Scene(await places.make());
  const points: string[] = [];
  let applying = false;
  await scene.enter({ reached: async (point) => void (applying && points.push(point)) });
  const { operation } = await ready(scene, subject);
  applying = true;
  await scene.apply(operation);
  await scene.end();
  const crashes: Crash[] = points.map((point, i) => {
    const nth = points.slice(0, i + 1).filter((one) => one === point).length;
    return { subject, point, nth, again: null };
  });
  const last = points.findLast((point) => point.startsWith('connector:'))!;
  if (subject.undo) return crashes;
  for (const again of ['taken', 'probed'] as const)
    for (const point of ['intended', last]) crashes.push({ subject, point, nth: 1, again });
  return crashes;
}

/** The operation to be applied, and the plan of the sample, whose targets are its targets. */
async function ready(
  scene: Scene,
  { sample, undo }: Subject,
): Promise<{ operation: Operation; plan: ConnectorPlan }> {
  const planned = await scene.plan(scene.place.samples[sample]!);
  const plan = planned.members[0]!;
  return { plan, operation: undo ? await scene.planUndo(await scene.apply(planned)) : planned };
}

/** Has a process die there, and recovers. Raises unless what comes of it is what the guarantee promises. */
export async function crash(
  places: Places,
  victims: Victims,
  { subject, point, nth, again }: Crash,
  foreign: boolean,
): Promise<Outcome> {
  const scene = new Scene(await places.make());
  const { place } = scene;
  try {
    const original = await place.digest();
    await scene.enter();
    const { operation, plan } = await ready(scene, subject);
    await scene.leave();
    const before = await place.digest();
    let effects = await place.effects?.();

    await victims.kill(scene.job(operation, 'apply', point, nth));
    if (again !== null) await victims.kill(scene.job(operation, 'recover', again));
    const died = await place.effects?.();
    if (foreign) await place.disturb(plan);
    // Somebody else's may be counted, too.
    if (effects !== undefined) effects += (await place.effects!()) - died!;
    const found = await place.digest();

    const engine = await scene.enter();
    // What cannot be reached at once is due again.
    for (let turn = 0; turn < 3; turn++) await engine.recover();
    const after = await engine.read(operation.operation_id);
    const left = await place.digest();
    const { state, illegal, attempts } = after;
    assert.deepEqual(illegal, []);
    assert.ok(attempts <= 3);

    const { guarantee, probe } = operation.members[0]!.capabilities;
    const received = ['received', 'verified'].includes(point);
    if (point === 'checked') assert.equal(state, 'approved', 'nothing had begun');
    else if (guarantee === 'none' && !received) {
      if (!probe) assert.equal(state, 'needs_operator', 'nobody can tell');
      if (state === 'failed' && !foreign) assert.equal(left, before, 'nothing happened');
      else assert.match(state, /^(?:needs_operator|failed|verif|closed)/);
    } else if (!foreign) {
      assert.match(state, /^(?:verified|closed)$/, 'it is not lost');
      assert.notEqual(left, before, 'it is not lost');
      if (subject.undo) assert.equal(left, original, 'it is undone');
    }
    if (foreign || guarantee === 'none' || point === 'checked')
      assert.equal(left, found, 'recovery does it no second time, and goes over nobody else’s change');
    if (effects !== undefined) assert.ok((await place.effects!()) - effects <= 1, 'one effect at most');
    return { state, target: left === (foreign ? found : before) ? 'as it was' : 'changed' };
  } finally {
    await scene.end();
  }
}
