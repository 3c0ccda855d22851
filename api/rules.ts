import * as z from 'zod';

/*
 * Rules that are said once and asked in three places: by the API server, in CEL, of which the custom resource definitions are made; by the
 * controller and by the sidecar, in JavaScript. A regular expression in a rule has to mean the same to JavaScript and to RE2
 * (https://github.com/google/re2/wiki/Syntax): no look-around, no back references, no flags, no `$` within.
 */

/** One thing that is asked of a text, or of another value. */
export interface Rule<T> {
  /** Whether the value is right, in JavaScript. */
  readonly test: (value: T) => boolean;
  /** The same in CEL, of `self`. It must not fail for a value that is wrong. */
  readonly cel: string;
  /** What is wrong and what to do; behind the value in quotes, for a text. */
  readonly sentence: string;
}

/** A rule in CEL as a schema has it (https://kubernetes.io/docs/reference/using-api/cel/). */
interface Validation {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression?: string;
}

/** A text as CEL writes it. */
function celString(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** A condition in CEL: that `subject` matches. */
export function celMatches({ source }: RegExp, subject = 'self'): string {
  return `${subject}.matches(${celString(source)})`;
}

/** Asks for a text that matches. */
export function matching(pattern: RegExp, sentence: string): Rule<string> {
  return { test: (text) => pattern.test(text), cel: celMatches(pattern), sentence };
}

/** Asks for a text that does not match. */
export function notMatching(pattern: RegExp, sentence: string): Rule<string> {
  return { test: (text) => !pattern.test(text), cel: `!${celMatches(pattern)}`, sentence };
}

/** Why a text is refused, in a sentence that begins with the text in quotes; undefined when it is right. */
export function problemOf(rules: readonly Rule<string>[], text: string): string | undefined {
  const broken = rules.find(({ test }) => !test(text));
  return broken === undefined ? undefined : `${JSON.stringify(text)} ${broken.sentence}`;
}

function validations(rules: readonly Rule<never>[], more: (sentence: string) => object): object {
  return {
    'x-kubernetes-validations': rules.map(
      ({ cel, sentence }): Validation => ({ rule: cel, message: sentence, ...more(sentence) }),
    ),
  };
}

/** Length of a text as the API server counts it, in code points. */
function lengthOf(text: string): number {
  return [...text].length;
}

/** A text of at most so many characters, counted as the API server counts them. */
export function boundedText(longest: number) {
  return z
    .string()
    .refine((text) => lengthOf(text) <= longest, { error: `is longer than ${longest} characters; shorten it` })
    .meta({ maxLength: longest });
}

/** A text with rules, which are asked in order; the first that is broken is reported. */
export function ruledText(longest: number, rules: readonly Rule<string>[]) {
  // The API server leaves a sentence with a line break in it out; then it says the message.
  const quoted = (sentence: string) => ({ messageExpression: `'"' + self + ${celString(`" ${sentence}`)}` });
  return z
    .string()
    .superRefine((text, context) => {
      const tooLong = lengthOf(text) > longest ? `is longer than ${longest} characters; shorten it` : undefined;
      const message = tooLong ?? problemOf(rules, text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({ maxLength: longest, ...validations(rules, quoted) });
}

/**
 * Asks more of a value than its schema does.
 * @param schema of an object, a list or a number
 */
export function ruled<S extends z.ZodType>(schema: S, ...rules: readonly Rule<z.output<S>>[]): S {
  const asked = rules.reduce<S>(
    (whole, { test, sentence }) => whole.refine((value) => test(value), { error: sentence }) as S,
    schema,
  );
  return asked.meta({ ...schema.meta(), ...validations(rules as readonly Rule<never>[], () => ({})) }) as S;
}
