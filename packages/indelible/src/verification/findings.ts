/**
 * From graded findings to those that a report lists beside damage to records.
 *
 * Pure:    no I/O.
 */
import type { GradedVerdict } from '@indelible/core';
import { DAMAGE_KINDS, type DamageKind, type Finding } from '../ledger/types.ts';

/** Those that say that something was tampered with. */
export function findingsOf(graded: GradedVerdict, tree: readonly Finding[] = []): Finding[] {
  // A tree that still holds the hashes of what was there tells where the first of it differs.
  const differs = tree[0]?.seq ?? 0;
  const sound = [graded.checkpoint?.size ?? 0, soundAnchor(graded)];
  return graded.findings
    .filter(({ severity }) => severity === 'tampering')
    .map(({ problem, size, detail }) => ({
      damage: damageOf(problem),
      seq: size > graded.size ? graded.size : placed(size, sound, differs),
      detail,
    }));
}

function placed(size: number, sound: readonly number[], differs: number): number {
  const least = Math.max(0, ...sound.filter((one) => one < size));
  return differs > least && differs < size ? differs : least;
}

/** Up to here an anchor agrees. */
function soundAnchor({ anchors }: GradedVerdict): number {
  return anchors.reduce((most, { status, size }) => (status === 'holds' ? Math.max(most, size) : most), 0);
}

function damageOf(problem: string): DamageKind {
  const kinds: readonly string[] = DAMAGE_KINDS;
  // Every problem that counts as tampering is a kind of damage; a test holds them together.
  return kinds.includes(problem) ? (problem as DamageKind) : 'root_mismatch';
}
