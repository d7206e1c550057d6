/** Why a token is not accepted: raised within, answered as a verdict. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

export function refuse(detail: string): never {
  throw new Refusal(detail);
}

/** Refuses unless it holds. */
export function demand(holds: boolean, detail: string): asserts holds {
  if (!holds) refuse(detail);
}
