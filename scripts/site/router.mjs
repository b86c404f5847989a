// A plugin of typedoc that names the pages of the reference. Without it a type `Middleware` of the module `quaich`
// would take the name that the page of the module `quaich/middleware` has, though it has no page.
import { ReflectionKind } from 'typedoc';
import { ModuleRouter } from 'typedoc-plugin-markdown';

const PAGES = ReflectionKind.Module | ReflectionKind.Namespace | ReflectionKind.Document;

class PageRouter extends ModuleRouter {
  /** @param {import('typedoc').Reflection} reflection */
  getIdealBaseName(reflection) {
    const name = super.getIdealBaseName(reflection);
    return reflection.kindOf(PAGES) ? name : `${name}-${reflection.id}`;
  }
}

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.renderer.defineRouter('pages', PageRouter);
}
