/**
 * Decisions of policy, one after the other: who asks, what for and the time differ each time.
 */
import { decide } from '../../packages/indelible/src/operations/policy/decide.ts';
import { parseRequest } from '../../packages/indelible/src/operations/policy/parse-request.ts';
import { loadPolicySet } from '../../packages/indelible/src/operations/policy/policy-set.ts';
import { starterFiles } from '../../packages/indelible/src/operations/policy/starter.ts';
import { type Measures, numberParam, type Params, quantile } from '../sample.ts';

const WARM_UP = 100;

export async function policy(params: Params): Promise<Measures> {
  const decisions = numberParam(params, 'decisions');
  const policies = numberParam(params, 'policies');
  const set = await loadPolicySet(
    new Map(
      [...starterFiles([])]
        .filter(([name]) => !name.startsWith('cases/'))
        .concat([['teams.cedar', texts(policies)]]),
    ),
  );
  const times = new Float64Array(decisions);
  for (let i = -WARM_UP; i < decisions; i++) {
    const request = parseRequest({
      ...{ principal: `person:p${i + WARM_UP}`, action: 'filesystem:write' },
      ...{ targets: [`team${(i + WARM_UP) % policies}:settings/${i + WARM_UP}.conf`] },
    });
    const started = performance.now();
    const { effect } = decide(set, request);
    if (i >= 0) times[i] = performance.now() - started;
    if (effect !== 'approve') throw new Error(`the decision is ${effect}`);
  }
  times.sort();
  return { p50_ms: quantile(times, 0.5), p99_ms: quantile(times, 0.99) };
}

function texts(policies: number): string {
  return Array.from(
    { length: policies },
    (_, i) => `@id("team-${i}")
@approvals("1")
permit (principal, action == Indelible::Action::"filesystem:write", resource)
when { resource.id like "team${i}:*" && context.risk <= 3 };
`,
  ).join('\n');
}
