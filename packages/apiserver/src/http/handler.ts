import type { KeyObject } from 'node:crypto';
import type { Attributes } from '../auth/rbac.ts';
import { allowed } from '../auth/rbac.ts';
import { impersonated } from '../auth/impersonation.ts';
import type { User } from '../auth/tokens.ts';
import type { Faults } from '../faults.ts';
import type { Registry } from '../kinds/registry.ts';
import { groupResource, type Resource } from '../kinds/resource.ts';
import { Objects, timestamp, type DeleteRequest, type WriteRequest, type Written } from '../objects/objects.ts';
import { notStrict } from '../objects/codec.ts';
import type { PatchType } from '../patch/patch.ts';
import type { Store } from '../storage/store.ts';
import { sendComputed } from './computed.ts';
import { sendDiscovery, VERSION } from './discovery.ts';
import { ApiError, badRequest, methodNotAllowed, noRouteForType, noSuchPath, unsupportedMediaType } from './errors.ts';
import { list, noVersion, parsedVersion, selectionOf, tooLarge } from './list.ts';
import { healthChecks, isHealth, sendHealth } from './health.ts';
import { Measured } from './measured.ts';
import { checkMethod } from './methods.ts';
import { acceptedFor, acceptJson, type Accepted } from './negotiate.ts';
import { deleteOptions, flag, listOptions, writeOptions } from './options.ts';
import { sendOpenApi } from './openapi/serve.ts';
import { keySet, openIdConfiguration } from './openid.ts';
import {
  mediaType,
  readObject,
  readOptional,
  readPatch,
  targetOf,
  type Call,
  type Incoming,
  type Outgoing,
  type Target,
} from './request.ts';
import { send, sendError, sendNoPage, sendParts, sendPlain, sendText } from './respond.ts';
import { listParts, objectText } from './shapes.ts';
import { review } from './reviews.ts';
import { selectedName } from './selectors.ts';
import { subresourceRequest, type SubresourceContext } from './subresources.ts';
import { watch } from './watch.ts';

export interface HandlerOptions extends Omit<SubresourceContext, 'patch'> {
  store: Store;
  registry: Registry;
  objects: Objects;
  faults: Faults;
  /** Who makes this request; undefined where the credentials are not good. */
  authenticate: (req: Incoming) => User | undefined;
  address: () => string;
  /** The public key of service accounts' tokens. */
  tokenKey: KeyObject;
  /** Aborted when a watch of this resource has to end. */
  watchSignal: (resource: Resource) => AbortSignal;
  ready: () => boolean;
  report: (error: unknown) => void;
}

const PATCHES: Record<string, PatchType> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** The type of what is never YAML. */
const JSON_ONLY = 'application/json';

const PLAIN: Accepted = { shape: 'object', version: 'v1', type: 'application/json' };

/** Answers one request. Never throws: what goes wrong is a Status. */
export class Handler {
  readonly #o: HandlerOptions;
  readonly #measured = new Measured();

  constructor(options: HandlerOptions) {
    this.#o = options;
  }

  async handle(req: Incoming, res: Outgoing, upgrade?: Call['upgrade']): Promise<void> {
    const call: Call = {
      req,
      res,
      url: new URL('http://x/'),
      method: req.method ?? 'GET',
      user: { name: '', groups: [] },
      warnings: [],
      since: performance.now(),
    };
    if (upgrade) call.upgrade = upgrade;
    try {
      try {
        call.url = new URL(req.url ?? '/', 'http://x');
      } catch {
        throw badRequest('the path cannot be read');
      }
      const user = this.#o.authenticate(req);
      if (!user) throw new ApiError(401, 'Unauthorized', 'Unauthorized');
      call.user = user;
      const other = impersonated(req);
      if (other) {
        for (const a of other.rights) this.#authorize(call, a);
        call.user = other.user;
      }
      await this.#route(call);
    } catch (error) {
      sendError(call, error, this.#o.report);
      // A body that nobody read would block the connection.
      if (!req.readableEnded) req.resume();
    }
  }

  async #route(call: Call): Promise<void> {
    const { pathname } = call.url;
    let segments: string[];
    try {
      segments = decodeURIComponent(pathname).split('/').filter(Boolean);
    } catch {
      return sendText(call, 400, '400 Bad Request', 'text/plain; charset=utf-8');
    }
    const [root, group] = segments;
    if ((root === 'api' || root === 'apis') && segments.length > (root === 'api' ? 2 : 3)) {
      const target = pathname.includes('//') ? undefined : targetOf(this.#o.registry, segments);
      if (target) return this.#resource(call, target);
      this.#authorize(call, askedOf(call, segments));
      if (root === 'apis' && !this.#builtin(group!)) return sendNoPage(call);
      throw noSuchPath();
    }
    this.#authorize(call, {
      verb: call.method === 'HEAD' ? 'get' : call.method.toLowerCase(),
      group: '',
      resource: '',
      namespace: '',
      name: '',
      path: pathname,
    });
    if (root === 'apis' && group !== undefined && !this.#o.registry.groups().some((g) => g.group === group)) return sendNoPage(call);
    // Some paths are answered whatever the method is, as those that Kubernetes serves without its routes.
    const anyMethod =
      root === 'apis' ? segments.length < 3 || !this.#builtin(group!) : !['api', 'version', '.well-known', 'openid'].includes(root ?? '');
    if (!anyMethod && call.method !== 'GET') throw this.#isPlace(segments) ? methodNotAllowed() : noSuchPath();
    if (isHealth(root)) {
      this.#measured.ofPath(call, `/${root}`);
      return sendHealth(call, root, healthChecks(root, this.#o.store, this.#o.ready));
    }
    if (pathname === '/metrics') return this.#metrics(call);
    switch (root) {
      case 'version':
        if (group !== undefined) throw noSuchPath();
        acceptJson(call.req);
        return send(call, 200, VERSION, JSON_ONLY);
      case 'api':
      case 'apis':
        return sendDiscovery(call, this.#o.registry, this.#o.address(), segments);
      case '.well-known':
        if (group !== 'openid-configuration') return sendNoPage(call);
        call.res.setHeader('cache-control', 'public, max-age=3600');
        return send(call, 200, openIdConfiguration(this.#o.address()), JSON_ONLY);
      case 'openid':
        if (pathname !== '/openid/v1/jwks') return sendNoPage(call);
        return send(call, 200, keySet(this.#o.tokenKey), 'application/jwk-set+json');
      case 'openapi':
        return sendOpenApi(call, this.#o.registry, segments);
      case undefined:
        return send(call, 200, {
          paths: [
            '/.well-known/openid-configuration',
            '/api',
            '/apis',
            '/healthz',
            '/livez',
            '/metrics',
            '/openapi/v2',
            '/openapi/v3',
            '/openid/v1/jwks',
            '/readyz',
            '/version',
          ],
        });
      default:
        return sendNoPage(call);
    }
  }

  /** Whether a path without kinds is one: below /api and /apis those of versions are. */
  #isPlace([root, ...rest]: string[]): boolean {
    const [group, version] = root === 'api' ? ['', rest[0]] : rest;
    if ((root !== 'api' && root !== 'apis') || version === undefined) return true;
    return this.#o.registry.groups().some((g) => g.group === group && g.versions.some((v) => v.version === version));
  }

  async #metrics(call: Call): Promise<void> {
    if (call.method === 'DELETE') {
      this.#measured.reset();
      return sendPlain(call, 200, 'metrics reset\n');
    }
    // Loaded with the first that reads them: most servers are read by nobody.
    const { expose, EXPOSITION } = await import('./exposition.ts');
    sendText(call, 200, expose(this.#measured, this.#o.store, this.#o.registry), EXPOSITION);
  }

  #builtin(group: string): boolean {
    return this.#o.registry.all().some((r) => r.group === group && !r.custom);
  }

  #authorize(call: Call, a: Attributes): void {
    if (allowed(this.#o.store, call.user, a)) return;
    call.res.setHeader('x-content-type-options', 'nosniff');
    const what = a.path
      ? `cannot ${a.verb} path "${a.path}"`
      : `cannot ${a.verb} resource "${a.resource}" in API group "${a.group}"${a.namespace ? ` in the namespace "${a.namespace}"` : ' at the cluster scope'}`;
    const subject = a.path
      ? 'forbidden'
      : `${groupResource({ group: a.group, plural: a.resource.split('/')[0]! })}${a.name ? ` "${a.name}"` : ''} is forbidden`;
    throw new ApiError(
      403,
      'Forbidden',
      `${subject}: User "${call.user.name}" ${what}`,
      a.path ? {} : { ...(a.name ? { name: a.name } : {}), ...(a.group ? { group: a.group } : {}), kind: a.resource.split('/')[0] },
    );
  }

  async #resource(call: Call, target: Target): Promise<void> {
    const { resource, name, subresource, namespace } = target;
    const query = call.url.searchParams;
    const watching = flag(query, 'watch') ?? false;
    const verb = verbOf(call.method, name !== '', watching);
    const selected = verb === 'list' || verb === 'watch' ? selectedName(query.get('fieldSelector')) : '';
    this.#authorize(call, { ...attributesOf(target, verb), name: name || selected });
    // A WebSocket begins with GET whatever it does: what runs commands and reaches ports takes the right to create, too.
    if (verb === 'get' && subresource && ['exec', 'attach', 'portforward'].includes(subresource.name)) {
      this.#authorize(call, attributesOf(target, 'create'));
    }
    const fault = await this.#o.faults.meet(verb, resource.plural);
    if (call.res.destroyed) return;
    if (resource.custom && resource.namespaced && !namespace && verb !== 'list' && verb !== 'watch') return sendNoPage(call);
    checkMethod(target, verb, call.method);
    this.#measured.ofKind(call, target, watching, PATCHES[mediaType(call.req)] === 'apply');
    if (resource.deprecation) call.warnings.push(resource.deprecation);
    if (verb === 'create' && !subresource && !resource.verbs.includes('get')) {
      return send(call, 201, await this.#review(call, target));
    }
    // Logs are text, whatever the client takes.
    const accept =
      subresource?.name === 'log' ? PLAIN : acceptedFor(call.req, verb, subresource ? { ...resource, ...subresource } : resource);
    const include = query.get('includeObject');
    if (accept.shape === 'Table' && include && !['None', 'Metadata', 'Object'].includes(include))
      throw badRequest(
        `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
      );
    if (resource.computed) return sendComputed(call, target, resource.computed);
    if (subresource && subresource.name !== 'status') {
      const context = { ...this.#o, patch: (c: Call, t: Target, w: WriteRequest) => this.#patch(c, t, w) };
      return subresourceRequest(call, target, verb, accept, context, this.#write(call, target));
    }
    switch (verb) {
      case 'get':
        return this.#get(call, target, accept);
      case 'list':
        return this.#list(call, target, accept);
      case 'watch': {
        const options = listOptions(query, true);
        const selection = selectionOf(resource, namespace, query);
        return watch(call, {
          store: this.#o.store,
          resource,
          selection,
          options,
          accepted: accept,
          signal: this.#o.watchSignal(resource),
          fault,
        });
      }
      case 'create':
      case 'update': {
        const write = this.#write(call, target);
        const body = await readObject(
          call.req,
          resource.kind,
          write.fieldValidation === 'Ignore' ? undefined : (fields) => tellTwice(write, fields),
        );
        return this.#answer(call, resource, accept, await this.#o.objects[verb](write, body));
      }
      case 'patch':
        return this.#answer(call, resource, accept, await this.#patch(call, target));
      case 'delete':
        return this.#delete(call, target, accept);
      case 'deletecollection':
        return this.#deleteCollection(call, target, accept);
    }
  }

  async #review(call: Call, target: Target): Promise<unknown> {
    const body = await readObject(call.req, target.resource.kind);
    const { fieldManager } = this.#write(call, target);
    return review(target.resource, target.namespace, body, call.user, this.#o, { manager: fieldManager, now: timestamp() });
  }

  #answer(call: Call, resource: Resource, accept: Accepted, written: Written): void {
    sendText(
      call,
      written.created ? 201 : 200,
      objectText(resource, written.entry, accept, call.url.searchParams.get('includeObject') ?? 'Metadata'),
      accept.type,
    );
  }

  #get(call: Call, { resource, namespace, name }: Target, accept: Accepted): void {
    const asked = call.url.searchParams.get('resourceVersion') ?? '';
    const version = asked === '' ? 0 : parsedVersion(asked);
    if (version === undefined) throw noVersion(asked);
    if (version > this.#o.store.version) throw tooLarge(version, this.#o.store.version);
    const entry = this.#o.objects.get(resource, namespace, name);
    sendText(call, 200, objectText(resource, entry, accept, call.url.searchParams.get('includeObject') ?? 'Metadata'), accept.type);
  }

  #list(call: Call, { resource, namespace }: Target, accept: Accepted): Promise<void> {
    const query = call.url.searchParams;
    const options = listOptions(query, false);
    const page = list(this.#o.store, resource, selectionOf(resource, namespace, query), options);
    return sendParts(
      call,
      200,
      listParts(resource, page.entries, page.meta, accept, query.get('includeObject') ?? 'Metadata'),
      accept.type,
    );
  }

  /** What a write asks for in its query; a patch's is read when its type is known. */
  #write(call: Call, target: Target): WriteRequest {
    const { resource, namespace, name, subresource } = target;
    const kind = call.method === 'POST' ? 'Create' : call.method === 'PUT' ? 'Update' : 'Patch';
    const apply = PATCHES[mediaType(call.req)] === 'apply';
    const { fieldManager, fieldValidation, dryRun } = writeOptions(call.url.searchParams, kind, apply);
    const agent = String(call.req.headers['user-agent'] ?? '').split('/')[0]!;
    return {
      resource,
      namespace,
      name,
      subresource: subresource?.name,
      dryRun,
      fieldManager: fieldManager || agent.slice(0, 128) || 'unknown',
      fieldValidation,
      user: call.user,
      ...(kind !== 'Create' && { mayCreate: () => this.#authorize(call, attributesOf(target, 'create')) }),
      warnings: call.warnings,
    };
  }

  async #patch(call: Call, target: Target, write?: WriteRequest): Promise<Written> {
    const type = PATCHES[mediaType(call.req)];
    const served = Object.keys(PATCHES).filter((t) => PATCHES[t] !== 'strategic');
    if (target.resource.custom && (!type || type === 'strategic')) throw unsupportedMediaType(served);
    if (!type) throw noRouteForType();
    const options = write ?? this.#write(call, target);
    // What is not there is told before what is wrong with the patch.
    if (type !== 'apply') this.#o.objects.get(target.resource, target.namespace, target.name);
    const patch = await readPatch(call.req, type);
    return this.#o.objects.patch(options, patch, flag(call.url.searchParams, 'force') ?? false);
  }

  async #deleteOptions(call: Call): Promise<Omit<DeleteRequest, 'resource' | 'namespace' | 'name'>> {
    return deleteOptions(call.url.searchParams, await readOptional(call.req));
  }

  async #delete(call: Call, { resource, namespace, name }: Target, accept: Accepted): Promise<void> {
    const options = await this.#deleteOptions(call);
    if (resource.orphans === 'loudly' && !options.propagationPolicy)
      call.warnings.push(
        'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
      );
    const written = await this.#o.objects.delete({ resource, namespace, name, ...options });
    if (!written.gone || resource.returnsDeleted)
      return sendText(
        call,
        !written.gone && options.cascades ? 202 : 200,
        objectText(resource, written.entry, accept, 'Metadata'),
        accept.type,
      );
    send(call, 200, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name, ...(resource.group ? { group: resource.group } : {}), kind: resource.plural, uid: written.entry.uid },
    });
  }

  async #deleteCollection(call: Call, { resource, namespace }: Target, accept: Accepted): Promise<void> {
    const query = call.url.searchParams;
    const listing = listOptions(query, false);
    const options = await this.#deleteOptions(call);
    const page = list(this.#o.store, resource, selectionOf(resource, namespace, query), listing);
    const entries = await Promise.all(
      page.entries.map(async (entry) => {
        try {
          return (await this.#o.objects.delete({ resource, namespace: entry.namespace, name: entry.name, ...options })).entry;
        } catch (error) {
          if (error instanceof ApiError && error.code === 404) return entry;
          throw error;
        }
      }),
    );
    await sendParts(
      call,
      200,
      listParts(resource, entries, { resourceVersion: String(this.#o.store.version) }, accept, 'Metadata'),
      accept.type,
    );
  }
}

/** Tells of fields that the text had twice; strictly, they are refused. */
function tellTwice({ resource, fieldValidation, warnings }: WriteRequest, fields: string[]): void {
  const problems = fields.map((f) => `duplicate field ${JSON.stringify(f)}`);
  if (problems.length && fieldValidation === 'Strict') throw notStrict(resource, problems);
  warnings.push(...problems);
}

/** What a request for no kind that is served asks for, as far as its path says it. */
function askedOf(call: Call, [root, ...segments]: string[]): Attributes {
  const group = root === 'apis' ? segments[0]! : '';
  let rest = segments.slice(root === 'apis' ? 2 : 1);
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1]!;
    if (rest.length > 2) rest = rest.slice(2);
  }
  const [plural, name = '', sub] = rest;
  const watching = flag(call.url.searchParams, 'watch') ?? false;
  return {
    verb: verbOf(call.method, name !== '', watching),
    group,
    resource: sub ? `${plural}/${sub}` : plural!,
    namespace,
    name,
    path: '',
  };
}

/** What a verb on this resource is to authorization. */
const attributesOf = ({ resource, name, subresource, namespace }: Target, verb: string): Attributes => ({
  verb,
  group: resource.group,
  resource: subresource ? `${resource.plural}/${subresource.name}` : resource.plural,
  namespace: resource.storage === 'namespaces' ? name : namespace,
  name,
  path: '',
});

/** The verb of a method in the words of authorization; '' for one that no resource has. */
function verbOf(method: string, named: boolean, watching: boolean): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return named ? 'get' : watching ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      return '';
  }
}
