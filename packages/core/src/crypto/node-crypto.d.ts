// The one Node function that core may use, declared here so that core compiles without Node's types.
declare module 'node:crypto' {
  interface KeyObject {
    readonly type: string;
  }
  interface Hmac {
    update(data: Uint8Array): Hmac;
    digest(encoding: 'hex'): string;
  }
  export function hash(algorithm: 'sha256', data: Uint8Array, encoding: 'hex'): string;
  export function createSecretKey(key: Uint8Array): KeyObject;
  export function createHmac(algorithm: 'sha256', key: KeyObject): Hmac;
}
