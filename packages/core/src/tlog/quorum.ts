/**
 * Whether a policy holds for the witnesses that cosigned, and who is missing where it does not.
 *
 * Source:  c2sp.org/tlog-policy, "Defining a witness group".
 * Pure:    no I/O.
 */
import type { VerifiedSignature } from '../note/open.ts';
import { formatVerifierKey, type VerifierKey } from '../note/verifier-key.ts';
import type { Policy } from './policy.ts';

/** What a policy says about one checkpoint. Names are the policy's own. */
export interface QuorumVerdict {
  readonly met: boolean;
  /** False when the policy asks for no witness: then it is met by nobody's word. */
  readonly asked: boolean;
  /** Known witnesses that cosigned, whether the quorum asks for them or not, in the policy's order. */
  readonly cosigned: readonly string[];
  /** Witnesses whose cosignatures would help; none when the quorum is met. */
  readonly missing: readonly string[];
  /** One sentence. */
  readonly detail: string;
}

/** Judges by the names of those witnesses of the policy that cosigned. Other names count for nothing. */
export function judgeQuorum(policy: Policy, cosigned: Iterable<string>): QuorumVerdict {
  const given = new Set(cosigned);
  const names = policy.witnesses.map(({ name }) => name).filter((name) => given.has(name));
  if (policy.quorum === 'none') {
    return {
      met: true,
      asked: false,
      cosigned: names,
      missing: [],
      detail: 'the policy asks for no witness',
    };
  }
  const verdict = judge(policy, policy.quorum, new Set(names));
  const missing = [...new Set(verdict.missing)];
  const detail = verdict.met
    ? `the quorum ${policy.quorum} is met by ${names.join(', ')}`
    : `the quorum ${policy.quorum} is not met: ${verdict.lacks.join('; ')}`;
  return { met: verdict.met, asked: true, cosigned: names, missing, detail };
}

/** The names of the policy's witnesses whose keys are among those that signed. */
export function witnessesAmong(policy: Policy, signatures: readonly VerifiedSignature[]): string[] {
  return policy.witnesses
    .filter(({ key }) => signatures.some((signature) => isSameKey(signature.key, key)))
    .map(({ name }) => name);
}

/** Names and ids alone can collide. */
export function isSameKey(a: VerifierKey, b: VerifierKey): boolean {
  return formatVerifierKey(a) === formatVerifierKey(b);
}

interface Judged {
  readonly met: boolean;
  readonly missing: readonly string[];
  readonly lacks: readonly string[];
}

/** Members are defined above their group, so this ends. */
function judge(policy: Policy, name: string, cosigned: ReadonlySet<string>): Judged {
  const group = policy.groups.find((candidate) => candidate.name === name);
  if (group === undefined) {
    return cosigned.has(name)
      ? { met: true, missing: [], lacks: [] }
      : { met: false, missing: [name], lacks: [`${name} did not cosign`] };
  }
  const members = group.members.map((member) => ({ name: member, ...judge(policy, member, cosigned) }));
  const open = members.filter(({ met }) => !met);
  const needed = group.threshold - (members.length - open.length);
  if (needed <= 0) return { met: true, missing: [], lacks: [] };
  const inner = open.filter((member) => policy.groups.some((candidate) => candidate.name === member.name));
  const own = `${name} needs ${needed} more of ${open.map((member) => member.name).join(', ')}`;
  return {
    met: false,
    missing: open.flatMap((member) => member.missing),
    lacks: [own, ...inner.flatMap((member) => member.lacks)],
  };
}
