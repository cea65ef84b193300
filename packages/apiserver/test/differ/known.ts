import type { Difference } from './compare.ts';

/** Differences that stay, each with its reason: of the case and step, and of the place in the answer. */
const KNOWN: [where: RegExp, at: RegExp, why: string][] = [
  [/./, /\/columnDefinitions\/\d+\/description$/, 'prose is left out'],
  [/\/version/, /^\/(gitCommit|buildDate|goVersion|compiler|platform|gitTreeState)$/, 'another program'],
  [/certificatesigningrequests|selfsubjectreviews/, /\/uid$/, 'the user of the real server comes from a file that gives it one'],
  [/apiservices/, /conditions|managedFields/, 'nothing is aggregated, so nothing is found out about it'],
  [/customresourcedefinitions|delete the definition/, /managedFields/, 'what the server itself writes of a definition is nobody’s'],
  [/customresourcedefinitions: .*\| (update with|let it go)/, /^\/status\//, 'what its controllers find out is there at once'],
  [/SelfSubjectRules|selfsubjectrulesreviews/, /Rules(\/|$)/, 'in the order of a Go map'],
  [/openapi|debug|GET \/ /, /./, 'documents of its own'],
  [/generateName":"Bad_/, /\/details\/name/, 'generated'],
  [/./, /openid|issuer|\/spec\/audiences|id_token_signing/, 'an issuer of its own, with keys of another kind'],
];

export const isKnown = (d: Difference): boolean => KNOWN.some(([where, at]) => where.test(`${d.case} | ${d.do}`) && at.test(d.at));

/** What a case is about: a kind, or its own name. */
export const subjectOf = (name: string): string => name.split(':')[0]!;

/**
 * How many differences there are yet to look into, by what they are about; the wording of messages is not counted. These only
 * become fewer: features that are off and still owned, expressions of policies that are not compiled, fields that hardly anybody sets.
 */
export const OPEN: Record<string, number> = {};
