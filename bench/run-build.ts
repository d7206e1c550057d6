/**
 * Has everything that is loaded after this run from the build, as users run it, wherever it is imported from source:
 * taking the types away, in every thread anew, would be measured, too.
 */
import { registerHooks } from 'node:module';

const SOURCE = /(\/packages\/\w+)\/src\/(.+)\.ts$/;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    return SOURCE.test(found.url) ? next(found.url.replace(SOURCE, '$1/dist/$2.js'), context) : found;
  },
});
