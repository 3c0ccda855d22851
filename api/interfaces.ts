import { matching, notMatching, problemOf, type Rule } from './rules.ts';

/*
 * What an interface for VRRP and virtual addresses may be called. The kernel takes nearly everything of up to 15 bytes (dev_valid_name in
 * net/core/dev.c); a name is a word of keepalived's configuration, too, and no interface that a person or a driver named has other letters.
 */

const MAC = '([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}';
const CHOICE = new RegExp(`^([A-Za-z0-9_.+][A-Za-z0-9_.+-]{0,14}|${MAC})$`);
/**
 * VRRP reaches no other node on lo, whose MAC address is all zeros. A MAC address with an odd first byte is a group's (IEEE 802), which no
 * interface has.
 */
const NO_CHOICE = /^(lo|[.]|[.][.]|(00:){5}00|[0-9a-fA-F][13579bdfBDF]:.*)$/;
const SENTENCE =
  'is no interface for virtual addresses; give its name (what "ip link" prints before a colon or @; at most 15 of A-Z, a-z, 0-9 and . _ + -; not lo) or its MAC address like 52:54:00:12:34:56';

/** What is asked of an interface that is chosen by name or MAC address. */
export const interfaceRules: readonly Rule<string>[] = [matching(CHOICE, SENTENCE), notMatching(NO_CHOICE, SENTENCE)];

/** The same where the choice may be left open, by an empty text. */
export const interfaceOrNoneRules: readonly Rule<string>[] = interfaceRules.map(({ test, cel, sentence }) => ({
  test: (text) => text === '' || test(text),
  cel: `self == '' || ${cel}`,
  sentence,
}));

/** Why a text is no choice of an interface, in a sentence with what to do; undefined when it is one, or empty. Pure. */
export function interfaceProblem(text: string): string | undefined {
  return problemOf(interfaceOrNoneRules, text);
}
