/**
 * From an action and what there is to what there will be, and to the steps that lead there.
 *
 * Pure:    no I/O.
 */
import { IndelibleError, type JsonObject, sha256Hex } from '@indelible/core';
import type { ConnectorPlan, StateDiff } from '../contract.ts';
import { jsonDiff, textDiff } from '../shared/diff.ts';
import { type FileFacts, type FoundFile, fileFacts } from './read.ts';
import type { FileStep } from './steps.ts';

/** An undo: each file as it shall be again; null: not at all. */
export interface RestoredFile {
  readonly path: string;
  readonly facts: FileFacts | null;
  readonly blob: string | null;
}

/** The action of plans that only `planRollback` makes. */
export const RESTORE = 'restore';

/** The paths that an action is about. */
export function pathsOf(action: string, params: JsonObject): string[] {
  if (action === RESTORE) return restoredFiles(params).map(({ path }) => path);
  const { path, from, to } = params as Record<string, string>;
  const paths = action === 'move' ? [from!, to!] : [path!];
  if (paths[0] === paths[1]) throw new IndelibleError('CONNECTOR_PARAMS', 'from and to are one file');
  return paths;
}

export function restoredFiles(params: JsonObject): readonly RestoredFile[] {
  return (params as unknown as { files: RestoredFile[] }).files;
}

/** The bytes that `write` is given. */
export function contentOf(params: JsonObject): Uint8Array {
  const { content, content_base64 } = params as Record<string, string | undefined>;
  return content === undefined
    ? Uint8Array.from(Buffer.from(content_base64!, 'base64'))
    : new TextEncoder().encode(content);
}

/** What a file will be. */
export interface Foretold {
  readonly facts: FileFacts | null;
  /** Its content, where it is known and new. */
  readonly content: Uint8Array | null;
}

/** In the order of `paths`. Raises TARGET_NOT_FOUND and TARGET_REFUSED. */
export function foretell(
  action: string,
  params: JsonObject,
  found: readonly (FoundFile | null)[],
  owner: { readonly uid: number; readonly gid: number },
): Foretold[] {
  if (action === RESTORE) return restoredFiles(params).map(({ facts }) => ({ facts, content: null }));
  const paths = pathsOf(action, params);
  const first = found[0] ?? null;
  if (action === 'write') {
    const content = contentOf(params);
    const was = first === null ? null : factsIn(first);
    const mode = params.mode === undefined ? (was?.mode ?? '0644') : fourDigits(params.mode as string);
    const { uid, gid } = was ?? owner;
    return [{ facts: { sha256: sha256Hex(content), size: content.length, mode, uid, gid }, content }];
  }
  if (first === null) throw new IndelibleError('TARGET_NOT_FOUND', `there is no file ${paths[0]}`);
  if (action === 'delete') return [{ facts: null, content: null }];
  const facts = factsIn(first);
  if (action === 'chmod')
    return [{ facts: { ...facts, mode: fourDigits(params.mode as string) }, content: first.content }];
  if (found[1] !== null) throw new IndelibleError('TARGET_REFUSED', `there is already a file ${paths[1]}`);
  return [
    { facts: null, content: null },
    { facts, content: first.content },
  ];
}

function factsIn({ state }: FoundFile): FileFacts {
  return state.facts as unknown as FileFacts;
}

function fourDigits(mode: string): string {
  return mode.padStart(4, '0');
}

/** What the plan does, step by step. */
export function stepsOf(plan: Pick<ConnectorPlan, 'action' | 'params' | 'targets'>): FileStep[] {
  const { action, params, targets } = plan;
  if (action === 'move') return [{ kind: 'rename', path: params.from as string, to: params.to as string }];
  // Targets are sorted by name, and so are the files of a restore.
  return targets.flatMap(({ before, after }, i): FileStep[] => {
    const path = action === RESTORE ? restoredFiles(params)[i]!.path : (params.path as string);
    const was = before?.facts as unknown as FileFacts | undefined;
    const facts = after?.facts as unknown as FileFacts | undefined;
    if (facts === undefined) return was === undefined ? [] : [{ kind: 'remove', path }];
    if (action === 'chmod') return [{ kind: 'mode', path, from: was!.mode, to: facts.mode }];
    return [{ kind: 'put', path, replaces: was !== undefined, facts }];
  });
}

/** For people. */
export function describe(step: FileStep): string {
  switch (step.kind) {
    case 'put':
      return `${step.replaces ? 'replace' : 'make'} ${step.path}: ${step.facts.size} bytes, mode ${step.facts.mode}`;
    case 'remove':
      return `delete ${step.path}`;
    case 'rename':
      return `rename ${step.path} to ${step.to}`;
    case 'mode':
      return `set the mode of ${step.path} from ${step.from} to ${step.to}`;
  }
}

/** For people: how the plan is undone. */
export function describeUndo(step: FileStep): string {
  switch (step.kind) {
    case 'put':
      return step.replaces ? `put the old content of ${step.path} back` : `delete ${step.path}`;
    case 'remove':
      return `make ${step.path} again, with its old content`;
    case 'rename':
      return `rename ${step.to} back to ${step.path}`;
    case 'mode':
      return `set the mode of ${step.path} back to ${step.from}`;
  }
}

const SHOWN_BYTES_MAX = 256 * 1024;

/** By lines where both sides are text, otherwise by facts. */
export function fileDiff(found: FoundFile | null, foretold: Foretold): StateDiff {
  const old = found === null ? null : textOf(found.content);
  const young = foretold.facts === null ? null : textOf(foretold.content);
  const { facts } = foretold;
  const sameContent = found !== null && facts !== null && factsIn(found).sha256 === facts.sha256;
  if (old === undefined || young === undefined || sameContent) {
    return jsonDiff(found?.state.facts, facts === null ? undefined : fileFacts(facts));
  }
  return textDiff(old, young);
}

/** undefined: it is not text, too long to show, or not known here. */
function textOf(content: Uint8Array | null): string | undefined {
  if (content === null || content.length > SHOWN_BYTES_MAX || content.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}
