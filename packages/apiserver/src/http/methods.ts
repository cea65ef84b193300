import { badRequest, methodNotAllowed, notFound, notSupported } from './errors.ts';
import type { Target } from './request.ts';

/**
 * Refuses what is not done to the target, in the words of the part of Kubernetes that serves it: a built-in kind has a route for
 * each method, a custom one a handler for all of them, which creates below a name too, and takes HEAD for GET.
 * @throws 405; 400 where a name is missing, 404 for a subresource that the kind has not
 */
export function checkMethod({ resource, namespace, name, subresource }: Target, verb: string, method: string): void {
  const served = (subresource ? subresource.verbs : resource.verbs).includes(verb);
  const nameless = !name && (verb === 'update' || verb === 'patch');
  if (resource.custom) {
    if (subresource?.verbs.length === 0) throw notFound(resource, name);
    if (!served) throw notSupported(resource, verb);
    if (nameless) throw badRequest('name must be provided');
    return;
  }
  const named = verb === 'create' && name && !subresource;
  // A proxy passes on whatever comes.
  if (subresource?.name === 'proxy') return;
  const nowhere = resource.namespaced && !namespace && verb !== 'list' && verb !== 'watch';
  if (!served || nameless || named || nowhere || method === 'HEAD') throw methodNotAllowed();
}
