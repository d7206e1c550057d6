// The few Node functions that core may use, declared here so that core compiles without Node's types.
declare module 'node:crypto' {
  interface KeyObject {
    readonly type: string;
  }
  interface Hmac {
    update(data: Uint8Array): Hmac;
    digest(encoding: 'hex'): string;
  }
  export function hash(algorithm: 'sha256', data: Uint8Array, encoding: 'hex' | 'binary'): string;
  export function createSecretKey(key: Uint8Array): KeyObject;
  export function createHmac(algorithm: 'sha256', key: KeyObject): Hmac;
  export function createPublicKey(key: {
    readonly key: Uint8Array;
    readonly format: 'der';
    readonly type: 'spki';
  }): KeyObject;
  export function verify(algorithm: null, data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean;
}
declare module 'node:module' {
  export function createRequire(from: string): (specifier: string) => unknown;
}
interface ImportMeta {
  readonly url: string;
}
