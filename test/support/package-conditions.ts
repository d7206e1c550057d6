/**
 * Tests run from source by the condition `source`, which a few packages know, too: theirs leads to TypeScript, which Node
 * does not take from node_modules. With this imported, packages resolve theirs without it.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => {
    if (!context.parentURL?.includes('/node_modules/')) return next(specifier, context);
    const conditions = context.conditions.filter((one) => one !== 'source');
    return next(specifier, { ...context, conditions });
  },
});
