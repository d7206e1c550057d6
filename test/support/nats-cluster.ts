/**
 * NATS servers with JetStream for a test file: one, or a cluster of three on this machine, their data in a folder.
 *
 *     const cluster = await startNats({ nodes: 3 });
 *     after(() => cluster.stop());
 *
 * The nodes of a cluster reach each other through proxies only, so that one can be partitioned while it runs. They end
 * with this process, whatever ends it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CuttableProxy } from './cuttable-proxy.ts';
import { freePorts } from './free-ports.ts';

export interface NatsOptions {
  /** 1 (default) or 3. */
  readonly nodes?: 1 | 3;
  /** More settings, in the server's language: accounts, TLS, limits. */
  readonly settings?: string;
  /** Where the data lies; default the system's folder for temporary files. */
  readonly folder?: string;
  /** For benchmarks: no proxies, through which this process would carry all that is replicated. */
  readonly direct?: boolean;
}

const PATIENCE_MS = 60_000;
const LOOK_AGAIN_MS = 20;
/** Waits for its standard input to end, which the death of this process brings about, too. */
const WATCH =
  'exec 3<&0; "$@" 3<&- & server=$!; (cat <&3; kill -KILL $server) > /dev/null 2>&1 & wait $server';

/** Why no server can be started, or false. In CI there must be one. */
export function noNats(): string | false {
  if (spawnSync('nats-server', ['--version']).status === 0) return false;
  if (process.env.CI === 'true') throw new Error('nats-server is missing: apt-get install nats-server');
  return 'nats-server is not installed (apt-get install nats-server)';
}

export async function startNats(options: NatsOptions = {}): Promise<NatsCluster> {
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'indelible-nats-'));
  const count = options.nodes ?? 1;
  const nodes: NatsNode[] = [];
  const ports = await freePorts(3 * count);
  const route_ports = ports.slice(0, count);
  for (let i = 0; i < count; i++) {
    const proxies = options.direct ? 0 : count - 1;
    const routes = await Promise.all(Array.from({ length: proxies }, () => CuttableProxy.listen()));
    const name = `n${i + 1}`;
    const [nats, monitoring, cluster] = [ports[count + i]!, ports[2 * count + i]!, ports[i]!];
    const dials = options.direct ? route_ports.toSpliced(i, 1) : routes.map(({ port }) => port);
    const settings = options.settings ?? '';
    const listens = { nats, monitoring, cluster };
    nodes.push(new NatsNode({ name, folder: join(folder, name), routes, listens, dials, settings }));
  }
  const cluster = new NatsCluster(folder, nodes);
  try {
    await Promise.all(nodes.map((node) => node.start()));
    if (!options.direct) await cluster.connectAll();
    await cluster.healthy();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

export class NatsCluster {
  readonly nodes: readonly NatsNode[];
  readonly #folder: string;

  constructor(folder: string, nodes: readonly NatsNode[]) {
    this.#folder = folder;
    this.nodes = nodes;
  }

  /** A ledger URL for a stream. */
  url(stream: string, query = `replicas=${this.nodes.length}`): string {
    return `nats://${this.hosts}/${stream}?${query}`;
  }

  get hosts(): string {
    return this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
  }

  /** Resolves when every node says that it is well, and they all know of each other. */
  async healthy(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.healthy()));
    // Without it, a stream that is made at once may find too few servers.
    if (this.nodes.length > 1) await this.metaLeader();
  }

  /** The node that decides where streams are placed, once it sees so many other nodes up. */
  async metaLeader(others = this.nodes.length - 1): Promise<NatsNode> {
    return until(async () => {
      const seen = await Promise.all(this.nodes.map((node) => node.peersSeen()));
      return this.nodes[seen.indexOf(others)];
    });
  }

  /** Cuts a node off from the others; clients still reach it. */
  partition(node: NatsNode): void {
    for (const proxy of this.#routesOf(node)) proxy.cut();
  }

  heal(node: NatsNode): void {
    for (const proxy of this.#routesOf(node)) proxy.heal();
  }

  /** The node that leads this stream, in the eyes of more than half of the nodes; null while there is none. */
  async leaderOf(stream: string): Promise<NatsNode | null> {
    const votes = await Promise.all(
      this.nodes.map(async (node) => {
        const detail = (await node.streams()).find(({ name }) => name === stream);
        return detail?.cluster?.leader;
      }),
    );
    const won = (name: string): boolean => votes.filter((vote) => vote === name).length * 2 > votes.length;
    return this.nodes.find(({ name }) => won(name)) ?? null;
  }

  async hasLeader(stream: string): Promise<NatsNode> {
    return until(() => this.leaderOf(stream));
  }

  /** Resolves when another node than `node` leads this stream. */
  async leadershipLeaves(stream: string, node: NatsNode): Promise<void> {
    await until(async () => {
      const leader = await this.leaderOf(stream);
      return leader !== null && leader !== node;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /**
   * Every node dials every other one. Two that reach each other at the same time may each end what the other began, and then
   * pause for a second; meanwhile the first election fails, and the next one is seconds later. So one of two goes first.
   */
  async connectAll(): Promise<void> {
    for (const [i, node] of this.nodes.entries())
      for (const other of this.nodes.slice(i + 1)) this.#way(other, node).leadTo(node.route_port);
    await until(async () => {
      const routes = await Promise.all(this.nodes.map((node) => node.routesUp()));
      return routes.every((count) => count >= this.nodes.length - 1);
    });
    for (const node of this.nodes) this.connectRoutes(node);
  }

  /** What the other nodes dial to reach this one. */
  connectRoutes(node: NatsNode): void {
    for (const proxy of this.#towards(node)) proxy.leadTo(node.route_port);
  }

  #routesOf(node: NatsNode): CuttableProxy[] {
    return [...node.routes, ...this.#towards(node)];
  }

  #towards(node: NatsNode): CuttableProxy[] {
    return this.nodes.flatMap((other) => (other === node ? [] : [this.#way(other, node)]));
  }

  #way(from: NatsNode, to: NatsNode): CuttableProxy {
    return from.routes[this.nodes.filter((peer) => peer !== from).indexOf(to)]!;
  }
}

/** What a node knows of a stream (its monitoring port, `/jsz`). */
export interface StreamDetail {
  readonly name: string;
  readonly cluster?: { readonly leader?: string };
  readonly state: { readonly messages: number; readonly last_seq: number };
}

interface NodeOptions {
  readonly name: string;
  readonly folder: string;
  /** To each other node, in the order of the nodes. */
  readonly routes: readonly CuttableProxy[];
  /** Where the other nodes are reached. */
  readonly dials: readonly number[];
  /** Ports. The others reach it at `cluster`. */
  readonly listens: { readonly nats: number; readonly monitoring: number; readonly cluster: number };
  readonly settings: string;
}

export class NatsNode {
  readonly name: string;
  readonly routes: readonly CuttableProxy[];
  readonly #options: NodeOptions;
  #child: ChildProcess | null = null;
  #pid = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.routes = options.routes;
    mkdirSync(options.folder);
  }

  get port(): number {
    return this.#options.listens.nats;
  }

  get route_port(): number {
    return this.#options.listens.cluster;
  }

  /** Where its messages lie. */
  get data(): string {
    return join(this.#options.folder, 'jetstream');
  }

  /** Starts, also again after `kill`, then on the same ports. */
  async start(): Promise<void> {
    const ports_folder = mkdtempSync(join(this.#options.folder, 'ports-'));
    const file = join(this.#options.folder, 'server.conf');
    writeFileSync(file, this.#configuration(ports_folder));
    const log = join(this.#options.folder, 'server.log');
    const command = ['nats-server', '-c', file, '-l', log];
    const child = spawn('sh', ['-c', WATCH, 'sh', ...command], {
      cwd: this.#options.folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child = child;
    child.stdin!.on('error', () => {});
    const ended = once(child, 'close').then(() => {
      throw new Error(`nats-server ended: ${readFileSync(log, 'utf8').slice(-2000)}`);
    });
    ended.catch(() => {});
    const name = await Promise.race([until(() => portsFile(ports_folder)), ended]);
    this.#pid = Number(/_(\d+)\.ports$/.exec(name)![1]);
  }

  /** Resolves when it takes part in JetStream. */
  async healthy(): Promise<void> {
    await until(async () => (await this.#ask<{ status: string }>('/healthz'))?.status === 'ok');
  }

  /** How many other nodes it sees, if it leads them all; else none. */
  async peersSeen(): Promise<number> {
    type Peers = { meta_cluster?: { replicas?: { current?: boolean; offline?: boolean }[] } };
    const peers = (await this.#ask<Peers>('/jsz'))?.meta_cluster?.replicas ?? [];
    return peers.filter(({ current, offline }) => current === true && offline !== true).length;
  }

  async routesUp(): Promise<number> {
    return (await this.#ask<{ num_routes: number }>('/routez'))?.num_routes ?? 0;
  }

  async streams(): Promise<readonly StreamDetail[]> {
    type Accounts = { account_details?: { stream_detail?: StreamDetail[] }[] };
    const answer = await this.#ask<Accounts>('/jsz?streams=true&accounts=true');
    return answer?.account_details?.flatMap(({ stream_detail = [] }) => stream_detail) ?? [];
  }

  /** SIGKILL: nothing is written any more, and nobody is told. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: it tells the others that it goes. */
  async shutDown(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGSTOP: it answers nobody, and its connections stay. */
  pause(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    await Promise.all(this.routes.map((proxy) => proxy.close()));
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const ended = once(child, 'close');
    process.kill(this.#pid, signal);
    await ended;
  }

  #configuration(ports_folder: string): string {
    const { nats, monitoring, cluster } = this.#options.listens;
    const routes = this.#options.dials.map((port) => `nats://127.0.0.1:${port}`).join(', ');
    // Nodes tell each other where they are; nobody must get past the proxies by that, so what they tell is nowhere.
    const others = `cluster { name: test, listen: 127.0.0.1:${cluster}, advertise: "127.0.0.1:1", routes: [ ${routes} ] }`;
    return `server_name: ${this.name}
listen: 127.0.0.1:${nats}
http: 127.0.0.1:${monitoring}
ports_file_dir: ${JSON.stringify(ports_folder)}
jetstream { store_dir: ${JSON.stringify(this.data)}, max_mem: 64M, max_file: 64G }
${routes === '' ? '' : others}
${this.#options.settings}
`;
  }

  async #ask<Answer>(path: string): Promise<Answer | null> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#options.listens.monitoring}${path}`, {
        signal: AbortSignal.timeout(1000),
      });
      return (await answer.json()) as Answer;
    } catch {
      // It is down, paused, or not ready yet.
      return null;
    }
  }
}

function portsFile(folder: string): string | undefined {
  return readdirSync(folder).find(
    (name) => name.endsWith('.ports') && readFileSync(join(folder, name)).length > 0,
  );
}

/** What `look` finds, once it finds something. */
async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_AGAIN_MS) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    await delay(LOOK_AGAIN_MS);
  }
  throw new Error(`nats-server was not ready within ${PATIENCE_MS} ms`);
}
