/**
 * `indelible token create|list|revoke`: the named tokens of the HTTP API. A secret is shown once, at creation.
 */
import type { Command } from 'commander';
import { SCOPES } from '../../access/scopes.ts';
import type { Token, TokenStatus } from '../../access/token.ts';
import { TokenRegistry } from '../../access/token-registry.ts';
import type { ExitCode } from '../failure.ts';
import { localActor, withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';

interface CreateOptions {
  readonly scope: readonly string[];
  readonly bind?: readonly string[];
  readonly expires?: string;
}

export function addToken(program: Command, shell: Shell): void {
  const token = program.command('token').description('named tokens of the HTTP API');
  shell
    .command<CreateOptions>(token, 'create <name>', 'make a token; its secret is printed once', create)
    .requiredOption('--scope <scope...>', `what it may do: ${SCOPES.join(', ')}`)
    .option('--bind <ledger...>', 'names of the ledgers it is good for (default: all)')
    .option('--expires <time>', 'when it ends, e.g. 2027-01-31T00:00:00Z (default: never)');
  shell.command(token, 'list', 'all tokens ever made; never their secrets', list);
  shell.command(token, 'revoke <id-or-name>', 'end a token now', revoke);
}

async function create(invocation: Invocation<CreateOptions>, name: string): Promise<ExitCode> {
  const { terminal, options } = invocation;
  const { scope, bind, expires } = options;
  return withTokens(invocation, 'write', async (tokens) => {
    const request = {
      name,
      scopes: scope.flatMap((text) => text.split(',')),
      ...(bind === undefined ? {} : { ledgers: bind.flatMap((text) => text.split(',')) }),
      ...(expires === undefined ? {} : { expires_at: expires }),
    };
    const { token, secret } = await tokens.issue(request, localActor());
    await terminal.result({ token: shown(token, 'active'), secret });
    await terminal.line(secret);
    terminal.notice(
      `this is the only time that the secret of ${token.name} (${token.token_id}) is shown: keep it safe`,
    );
    return 0;
  });
}

async function list(invocation: Invocation): Promise<ExitCode> {
  const { terminal } = invocation;
  return withTokens(invocation, 'read', async (tokens) => {
    const all = tokens.list().map((token) => shown(token, tokens.status(token)));
    await terminal.result({ tokens: all });
    if (all.length === 0)
      await terminal.line('There are no tokens. Next: indelible token create NAME --scope audit:read');
    for (const token of all) await terminal.line(tokenLine(invocation, token));
    return 0;
  });
}

async function revoke(invocation: Invocation, id_or_name: string): Promise<ExitCode> {
  const { terminal } = invocation;
  return withTokens(invocation, 'write', async (tokens) => {
    const token = await tokens.revoke(id_or_name, localActor());
    await terminal.result({ token: shown(token, 'revoked') });
    await terminal.line(`Revoked ${printable(token.name)} (${token.token_id}) at ${token.revoked_at}`);
    return 0;
  });
}

async function withTokens(
  invocation: Invocation,
  mode: 'read' | 'write',
  work: (tokens: TokenRegistry) => Promise<ExitCode>,
): Promise<ExitCode> {
  return withLedger<ExitCode>(invocation, { mode }, async (ledger) => {
    const tokens = await TokenRegistry.open(ledger, { follow: false });
    try {
      return await work(tokens);
    } finally {
      await tokens.close();
    }
  });
}

type ShownToken = Token & { readonly status: TokenStatus };

/** The members that may be shown, by name: whatever else a token comes to hold stays inside. */
function shown(token: Token, status: TokenStatus): ShownToken {
  const { token_id, name, scopes, ledgers, created_at, created_by, expires_at, revoked_at, revoked_by } =
    token;
  return {
    token_id,
    name,
    status,
    scopes,
    ledgers,
    created_at,
    created_by,
    expires_at,
    revoked_at,
    revoked_by,
  };
}

function tokenLine({ terminal: { colors } }: Invocation, token: ShownToken): string {
  const color = token.status === 'active' ? colors.green : colors.dim;
  const end = token.revoked_at ?? token.expires_at;
  const until = end === null ? 'no expiry' : `${token.revoked_at === null ? 'until' : 'revoked'} ${end}`;
  const parts = [
    token.token_id,
    color(token.status.padEnd(7)),
    printable(token.name),
    token.scopes.join(','),
  ];
  return [...parts, `ledgers ${token.ledgers.join(',')}`, until].join('  ');
}
