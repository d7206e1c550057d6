/**
 * The four things done to files, each in one indivisible call, and how to tell afterwards whether it was done.
 *
 * New content is written beside its target first, so the file that will be renamed into place exists, and its inode
 * number is in the journal, before anything changes. Wherever that inode is found tells what happened. What is deleted
 * is first renamed out of the way, for the same reason.
 *
 * Errors:  as place.ts.
 */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { IndelibleError } from '@indelible/core';
import { type Folder, fileFault, folderOf, OWN_PREFIX, sync } from './place.ts';
import type { FileFacts } from './read.ts';

export type FileStep =
  | { readonly kind: 'put'; readonly path: string; readonly replaces: boolean; readonly facts: FileFacts }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'mode'; readonly path: string; readonly from: string; readonly to: string };

/** A step that the journal has: with the inode that tells its fate, and the name beside the target, if it needs one. */
export interface BegunStep {
  readonly step: FileStep;
  readonly inode: string;
  readonly beside: string;
}

export type StepFate = 'pending' | 'applied' | 'unknown';

/** The name beside a target that nth step of an effect uses. */
export function besideName(effect_key: string, nth: number): string {
  return `${OWN_PREFIX}-${effect_key.slice(0, 32)}-${nth}`;
}

async function inFolder<T>(
  root: string,
  path: string,
  run: (folder: Folder, name: string) => T | Promise<T>,
): Promise<T> {
  const { folder, name } = folderOf(root, path);
  try {
    return await run(folder, name);
  } catch (error) {
    throw fileFault(error, path);
  } finally {
    folder.close();
  }
}

/** Writes new content beside its target, durably, with mode and owner. Resolves to its inode. */
export function stage(
  root: string,
  path: string,
  beside: string,
  facts: FileFacts,
  content: Uint8Array,
): Promise<string> {
  return inFolder(root, path, async (folder) => {
    unlinkIfThere(folder.at(beside));
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const file = openSync(folder.at(beside), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeFileSync(file, content);
      const { uid, gid } = fstatSync(file);
      if (uid !== facts.uid || gid !== facts.gid) fchownSync(file, facts.uid, facts.gid);
      fchmodSync(file, Number.parseInt(facts.mode, 8));
      await sync(file);
      return String(fstatSync(file, { bigint: true }).ino);
    } finally {
      closeSync(file);
    }
  });
}

/** Raises TARGET_REFUSED unless names in the folder of the path may be changed by this process. */
export function assertWritable(root: string, path: string): Promise<void> {
  return inFolder(root, path, (folder) => accessSync(folder.at('.'), constants.W_OK | constants.X_OK));
}

/** Does it, durably. */
export async function take(root: string, { step, beside, inode }: BegunStep): Promise<void> {
  await inFolder(root, step.path, async (folder, name) => {
    switch (step.kind) {
      case 'put':
        if (step.replaces) {
          renameSync(folder.at(beside), folder.at(name));
        } else {
          // Unlike rename, this fails when something of the name has come up meanwhile.
          linkUnlessThere(folder.at(beside), folder.at(name), step.path);
          unlinkSync(folder.at(beside));
        }
        break;
      case 'remove':
        renameSync(folder.at(name), folder.at(beside));
        break;
      case 'rename': {
        const { folder: other, name: toName } = folderOf(root, step.to);
        try {
          renameSync(folder.at(name), other.at(toName));
          await other.sync();
        } finally {
          other.close();
        }
        break;
      }
      case 'mode': {
        const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
        const file = openSync(folder.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        try {
          if (String(fstatSync(file, { bigint: true }).ino) !== inode) {
            throw new IndelibleError('TARGET_CHANGED', `${step.path} was exchanged`);
          }
          fchmodSync(file, Number.parseInt(step.to, 8));
          await sync(file);
        } finally {
          closeSync(file);
        }
      }
    }
    await folder.sync();
  });
}

/** What became of a begun step, by where its inode is now. */
export async function fateOf(root: string, { step, inode, beside }: BegunStep): Promise<StepFate> {
  const at = (path: string) => inFolder(root, path, (folder, name) => lookAt(folder.at(name)));
  const aside = () => inFolder(root, step.path, (folder) => lookAt(folder.at(beside)));
  const here = await at(step.path);
  switch (step.kind) {
    case 'put':
      if (here?.inode === inode) return 'applied';
      return (await aside())?.inode === inode ? 'pending' : 'unknown';
    case 'remove':
      if ((await aside())?.inode === inode) return 'applied';
      return here?.inode === inode ? 'pending' : 'unknown';
    case 'rename':
      if ((await at(step.to))?.inode === inode) return 'applied';
      return here?.inode === inode ? 'pending' : 'unknown';
    case 'mode':
      if (here?.inode !== inode) return 'unknown';
      if (here.mode === step.to) return 'applied';
      return here.mode === step.from ? 'pending' : 'unknown';
  }
}

/** Removes what lies beside the target: content that was never put in place, or that was deleted. */
export function clear(root: string, { step, beside }: BegunStep): Promise<void> {
  return inFolder(root, step.path, (folder) => unlinkIfThere(folder.at(beside)));
}

function lookAt(path: string): { inode: string; mode: string } | null {
  try {
    const { ino, mode } = lstatSync(path, { bigint: true });
    return {
      inode: String(ino),
      mode: Number(mode & 0o7777n)
        .toString(8)
        .padStart(4, '0'),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function linkUnlessThere(from: string, to: string, shown: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new IndelibleError('TARGET_CHANGED', `${shown} has come up since it was planned`);
  }
}
