import { parse, stringify } from 'yaml';
import { sha256 } from '../../../common/digest.ts';
import { fromDocument, isList, isMap, type TemplateFunction, toDocument, type Value } from '../value.ts';
import { text } from './arguments.ts';

/** Helm gives an empty collection for what cannot be read, with the error in it. */
function read(value: Value | undefined): Value {
  return fromDocument(parse(text(value)));
}

/** encoding/json escapes what could end a script element. */
function json(value: Value | undefined): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(toDocument(value ?? null)).replaceAll(/[<>&\u2028\u2029]/g, escaped);
}

function yaml(value: Value | undefined): string {
  return stringify(toDocument(value ?? null), { lineWidth: 0, version: '1.1' }).trimEnd();
}

function asMap(value: Value): Value {
  return isMap(value) ? value : new Map();
}

function asList(value: Value): Value {
  return isList(value) ? value : [];
}

/** Documents, digests, and what a cluster would be asked for: there is none. */
export const DOCUMENT_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  toJson: json,
  toYaml: yaml,
  fromYaml: (value) => asMap(read(value)),
  fromJson: (value) => asMap(read(value)),
  fromYamlArray: (value) => asList(read(value)),
  fromJsonArray: (value) => asList(read(value)),
  sha256sum: (value) => sha256(text(value)),
  b64enc: (value) => Buffer.from(text(value)).toString('base64'),
  b64dec: (value) => Buffer.from(text(value), 'base64').toString(),
  lookup: () => new Map(),
};
