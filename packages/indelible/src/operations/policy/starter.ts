/**
 * What `indelible policy init` writes: a folder that permits nothing yet, with guards that hold whatever is added.
 *
 * Pure:    no I/O.
 */
import type { PolicyFiles } from './policy-set.ts';
import { SCHEMA_FILE, schemaText } from './schema.ts';

/** What the connectors that ship can do; kinds whose actions are configured (http, mcp, command) come by `--action`. */
const SHIPPED_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  filesystem: ['write', 'delete', 'move', 'chmod'],
  postgres: ['insert', 'update', 'delete'],
  sqlite: ['insert', 'update', 'delete'],
  git: ['commit'],
  ldap: ['add', 'modify', 'delete', 'add-member', 'remove-member'],
  s3: ['put', 'delete'],
};

const GUARDS = `// Guards: what stays forbidden, whatever is permitted elsewhere. Nothing is permitted until a policy says so.

@id("agents-act-for-somebody")
@description("An agent that acts for nobody has nobody to answer for it.")
forbid (principal is Indelible::Agent, action, resource)
unless { context.delegated };

@id("agents-keep-to-what-can-be-undone")
@description("What cannot be undone is asked for by a person.")
forbid (principal is Indelible::Agent, action, resource)
when { context.reversibility == Indelible::Reversibility::"none" };

@id("agents-do-not-break-glass")
@description("Break-glass is for people.")
forbid (principal is Indelible::Agent, action, resource)
when { context.break_glass };

@id("nothing-during-a-freeze")
@description("Automatic approval is bound by a freeze as well. Break-glass, where it is permitted, is not.")
@freeze("year-end")
forbid (principal, action, resource)
unless { context.break_glass };
`;

const DIRECTORY = `{
  "roles": {},
  "people": {},
  "agents": {},
  "services": {},
  "connectors": {},
  "targets": []
}
`;

const CALENDAR = `{
  "time_zone": "UTC",
  "freezes": {
    "year-end": {
      "description": "Nobody is there to put it right.",
      "windows": [{ "from": "2026-12-23T18:00", "to": "2027-01-02T08:00" }]
    }
  }
}
`;

const CASES = `{
  "cases": [
    {
      "name": "nothing is permitted that no policy permits",
      "request": { "principal": "person:somebody", "action": "filesystem:write", "targets": ["files:a.txt"] },
      "expect": { "effect": "deny", "determining": [] }
    },
    {
      "name": "an agent acts for somebody",
      "request": { "principal": "agent:helper", "action": "filesystem:write", "targets": ["files:a.txt"] },
      "expect": { "effect": "deny", "determining": ["agents-act-for-somebody"] }
    },
    {
      "name": "nothing is written while the year ends",
      "request": {
        "principal": "person:somebody",
        "action": "filesystem:write",
        "targets": ["files:a.txt"],
        "at": "2026-12-24T12:00:00Z"
      },
      "expect": { "effect": "deny", "determining": ["nothing-during-a-freeze"] }
    }
  ]
}
`;

/** The files of a new folder. `actions` are more of them, such as `http:update-price`. */
export function starterFiles(actions: readonly string[]): PolicyFiles {
  const kinds = new Map(Object.entries(SHIPPED_ACTIONS).map(([kind, names]) => [kind, [...names]]));
  for (const action of actions) {
    const colon = action.indexOf(':');
    const [kind, name] = [action.slice(0, colon), action.slice(colon + 1)];
    const names = kinds.get(kind) ?? [];
    kinds.set(kind, [...new Set([...names, name])]);
  }
  return new Map([
    [SCHEMA_FILE, schemaText(Object.fromEntries(kinds))],
    ['guards.cedar', GUARDS],
    ['directory.json', DIRECTORY],
    ['calendar.json', CALENDAR],
    ['cases/guards.json', CASES],
  ]);
}
