import { definitionCases } from './definitions.ts';
import { objectCases } from './objects.ts';
import { protocolCases } from './protocol.ts';
import type { Case } from './side.ts';

export const cases = (): Case[] => [...protocolCases(), ...objectCases(), ...definitionCases()];
