import * as z from 'zod';
import { CHECK_LIMITS, type Limits } from '../../api/durations.ts';
import { interfaceProblem } from '../../api/interfaces.ts';

/* What several sections of the settings file are made of. */

/** Seconds between two limits, both included. */
export const seconds = (minimum: number, maximum: number) => z.number().min(minimum).max(maximum);

/** The same, of limits that have a name. */
export const limited = ({ least, most }: Limits) => seconds(least, most);

/** A TCP port. */
export const port = z.int().min(1).max(65535);

/** Results in a row after which a check changes its mind. */
export const threshold = z.int().min(CHECK_LIMITS.threshold.least).max(CHECK_LIMITS.threshold.most);

/** A text that is right when no problem is found in it. */
export function textWithout(problemOf: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const message = problemOf(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

/** An interface by name or MAC address. Empty: found by subnet. */
export const interfaceChoice = textWithout(interfaceProblem);

/** Something that is wrong with a part of the settings, and where. */
export interface SettingsProblem {
  readonly path: (string | number)[];
  readonly message: string;
}
