import { isMap, TemplateError, type TemplateFunction, textOf, type Value } from '../value.ts';
import { float, list, text } from './arguments.ts';

/** One verb of fmt.Sprintf. */
function written(verb: string, precision: string, value: Value): string {
  switch (verb) {
    case 'q':
      return JSON.stringify(text(value));
    case 'f':
      return float(value).toFixed(precision === '' ? 6 : Number(precision));
    default:
      return textOf(value);
  }
}

function formatted(format: Value | undefined, ...values: readonly Value[]): string {
  let next = 0;
  return text(format).replace(/%(?:[.]([0-9]+))?([%sqdvf])/g, (_, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    next += 1;
    return written(verb, precision ?? '', values[next - 1] ?? null);
  });
}

/** A pattern of Go's regexp, whose syntax the chart's patterns share with this language. */
function pattern(source: Value | undefined, flags = ''): RegExp {
  try {
    return new RegExp(text(source), flags);
  } catch {
    throw new TemplateError(`${text(source)} is no regular expression`);
  }
}

/** `${1}` of Go is `$1` here. */
function replaced(source: Value | undefined, subject: Value | undefined, by: Value | undefined): string {
  return text(subject).replace(pattern(source, 'g'), text(by).replace(/[$]\{([0-9]+)\}/g, '$$$1'));
}

function indented(count: Value | undefined, value: Value | undefined): string {
  return text(value).replaceAll(/^/gm, ' '.repeat(float(count)));
}

/** sprig quotes each argument, and leaves nil away. */
function quoted(values: readonly Value[], quote: (text: string) => string): string {
  return values
    .filter((value) => value !== null)
    .map((value) => quote(textOf(value)))
    .join(' ');
}

/** fmt.Sprint: a space between two operands of which neither is a text. */
function printed(...values: readonly Value[]): string {
  return values.reduce<string>((line, value, index) => {
    const apart = index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string';
    return `${line}${apart ? ' ' : ''}${textOf(value)}`;
  }, '');
}

function contains(part: Value | undefined, whole: Value | undefined): boolean {
  return text(whole).includes(text(part));
}

function truncated(count: Value | undefined, value: Value | undefined): string {
  return text(value).slice(0, float(count));
}

function withoutSuffix(suffix: string, value: string): string {
  return suffix !== '' && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value;
}

function withoutPrefix(prefix: string, value: string): string {
  return value.startsWith(prefix) ? value.slice(prefix.length) : value;
}

/** Texts. */
export const TEXT_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  printf: formatted,
  print: printed,
  toString: text,
  trim: (value) => text(value).trim(),
  lower: (value) => text(value).toLowerCase(),
  trunc: truncated,
  trimSuffix: (suffix, value) => withoutSuffix(text(suffix), text(value)),
  trimPrefix: (prefix, value) => withoutPrefix(text(prefix), text(value)),
  replace: (from, to, value) => text(value).replaceAll(text(from), () => text(to)),
  contains,
  hasPrefix: (prefix, value) => text(value).startsWith(text(prefix)),
  hasSuffix: (suffix, value) => text(value).endsWith(text(suffix)),
  quote: (...values) => quoted(values, (each) => JSON.stringify(each)),
  squote: (...values) => quoted(values, (each) => `'${each}'`),
  indent: indented,
  nindent: (count, value) => `\n${indented(count, value)}`,
  join: (separator, values) => (isMap(values) ? '' : list(values).map(textOf).join(text(separator))),
  splitList: (separator, value) => text(value).split(text(separator)),
  regexMatch: (source, value) => pattern(source).test(text(value)),
  regexFind: (source, value) => pattern(source).exec(text(value))?.[0] ?? '',
  regexReplaceAll: replaced,
};
