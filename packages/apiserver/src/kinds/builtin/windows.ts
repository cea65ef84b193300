import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsSubdomain } from '../names.ts';
import { checked } from './checks.ts';

const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS = /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?){0,}$/;

/** What is wrong with a user of Windows: `USER` or `DOMAIN\USER`. */
function userProblems(name: string): string[] {
  if (!name) return ['runAsUserName cannot be an empty string'];
  if (/\p{Cc}/u.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1)!;
  const domain = parts.length > 1 ? parts[0]! : undefined;
  const problems: [unless: boolean, why: string][] = [
    [(domain?.length ?? 0) < 256, "runAsUserName's Domain length must be under 256 characters"],
    [
      domain === undefined || NETBIOS.test(domain) || DNS.test(domain),
      "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
    ],
    [user !== '', "runAsUserName's User cannot be empty"],
    [user.length <= 104, "runAsUserName's User length must not be longer than 104 characters"],
    [!/^[. ]+$/.test(user), "runAsUserName's User cannot contain only periods or spaces"],
    [!/["/\\:;|=,+*?<>@[\]]/.test(user), `runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`],
  ];
  return problems.filter(([unless]) => !unless).map(([, why]) => why);
}

/** What is wrong with how a container or a pod runs on Windows. */
export function windowsProblems(options: JsonObject | undefined, path: string): Cause[] {
  const { gmsaCredentialSpecName: specName, gmsaCredentialSpec: spec, runAsUserName: user } = options ?? {};
  const causes = specName === undefined ? [] : checked(specName, `${path}.gmsaCredentialSpecName`, dnsSubdomain);
  if (spec === '') causes.push(field.invalid(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec cannot be an empty string'));
  if (spec?.length > 65_536) causes.push(field.invalid(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec size must be under 64 KiB'));
  if (user !== undefined) causes.push(...userProblems(user).map((why) => field.invalid(`${path}.runAsUserName`, user, why)));
  return causes;
}
