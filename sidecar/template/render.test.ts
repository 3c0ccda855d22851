import { describe, expect, it } from 'vitest';
import { FUNCTIONS } from './functions.ts';
import { type Nodes, parseTemplates } from './parse.ts';
import { Renderer } from './render.ts';
import { fromDocument, TemplateError } from './value.ts';

/** What a template makes of data; `more` has further templates. */
function rendered(source: string, data: unknown = {}, more = ''): string {
  const templates = new Map<string, Nodes>();
  parseTemplates('more', more, templates);
  return new Renderer(templates, FUNCTIONS).render(parseTemplates('test', source, templates), fromDocument(data));
}

// What text/template, sprig and Helm give for the same; a test beside the chart compares whole charts with Helm.
describe('a template', () => {
  it.each([
    ['text and values', 'a {{ .x }} b {{ .y.z }}', 'a 1 b two'],
    ['space that is trimmed', 'a \n {{- .x -}} \n b', 'a1b'],
    ['comments', 'a{{/* {{ not }} "this" */}}b{{- /* nor this */ -}} c', 'abc'],
    ['pipes and brackets', '{{ .y.z | trunc 2 | printf "%s-%s" (upper | default "x") }}', 'error'],
    [
      'numbers as YAML and as Go has them',
      '{{ .large }} {{ 1000000 }} {{ add 999999 1 }} {{ .small }}',
      '1e+06 1000000 1000000 0.05',
    ],
    ['if, else if, else', '{{ if .none }}a{{ else if eq .x 1.0 }}b{{ else }}c{{ end }}', 'b'],
    ['what is empty', '{{ range list "" 0 false nil list dict }}{{ if . }}a{{ else }}b{{ end }}{{ end }}', 'bbbbbb'],
    ['with, and its other half', '{{ with .y }}{{ .z }}{{ end }}{{ with .none }}a{{ else }}{{ .x }}{{ end }}', 'two1'],
    ['lists, with places', '{{ range $i, $each := .list }}{{ $i }}={{ $each }} {{ end }}', '0=a 1=b '],
    [
      'maps, in order',
      '{{ range $key, $value := .map }}{{ $key }}={{ $value }} {{ else }}none{{ end }}',
      'A=3 a=1 b=2 ',
    ],
    ['nothing to range over', '{{ range .none }}a{{ else }}none{{ end }}', 'none'],
    ['variables that are set within', '{{ $x := 1 }}{{ range .list }}{{ $x = add $x 1 }}{{ end }}{{ $x }}', '3'],
    ['variables that end with their block', '{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}', '21'],
    ['the data, from anywhere', '{{ range .list }}{{ $.x }}{{ end }}', '11'],
    ['and and or, which look no further than needed', '{{ and .none .none.x }}{{ or .x .none.x }}', '1'],
    [
      'maps that are changed',
      '{{ $m := dict "a" list }}{{ $_ := set $m "a" (append $m.a "b") }}{{ $m.a | first }}',
      'b',
    ],
    [
      'merged maps',
      '{{ merge (dict "a" "" "b" (dict "c" 1)) (dict "a" 2 "b" (dict "c" 3 "d" 4)) | toJson }}',
      '{"a":2,"b":{"c":1,"d":4}}',
    ],
    ['JSON as Go escapes it', '{{ "<a & b>" | toJson }}', '"\\u003ca \\u0026 b\\u003e"'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Go's regular expressions name their groups so
    ['regular expressions', '{{ regexReplaceAll "^(.)(.)" "abc" "${2}${1}" }}{{ regexMatch "^b" "abc" }}', 'bacfalse'],
    [
      'what is not there',
      '{{ get .map "none" }}{{ .none }}{{ dig "y" "z" "none" $ }}{{ dig "y" "q" "none" $ }}',
      'twonone',
    ],
    [
      'kinds',
      '{{ range list nil 1 "" list dict true $.x }}{{ range list "invalid" "int" "string" "slice" "map" "bool" "float64" }}{{ if kindIs . $.x }}{{ . }}{{ end }}{{ end }}{{ end }}',
      'float64'.repeat(7),
    ],
    ['indentation', 'a:{{ "b\\nc" | nindent 2 }}', 'a:\n  b\n  c'],
  ])('has %s', (_, source, expected) => {
    const data = {
      x: 1,
      y: { z: 'two' },
      none: null,
      large: 1e6,
      small: 0.05,
      list: ['a', 'b'],
      map: { b: 2, a: 1, A: 3 },
    };
    if (expected === 'error') expect(() => rendered(source, data)).toThrow('there is no function upper');
    else expect(rendered(source, data)).toBe(expected);
  });

  it('includes others, with data and variables of their own', () => {
    const more = '{{ define "twice" }}{{ $x := .a }}{{ $x }}{{ $x }}{{ end }}';
    expect(rendered('{{ $x := 1 }}{{ include "twice" (dict "a" .b) | quote }}{{ $x }}', { b: 'c' }, more)).toBe(
      '"cc"1',
    );
  });

  it.each([
    ['{{ fail "a sentence" }}', /^a sentence$/],
    ['{{ nofunction 1 }}', /there is no function nofunction/],
    ['{{ toString.constructor }}', /there is no function constructor|has no field constructor/],
    ['{{ .none.x }}', /nothing has no field x/],
    ['{{ $x }}', /there is no variable \$x/],
    ['{{ include "none" . }}', /there is no template none/],
    ['{{ include "itself" . }}', /itself includes itself/],
    ['{{ if true }}', /an end is missing/],
    ['{{ end }}', /without a beginning/],
    ['{{ ( 1 }}', /a bracket is not closed/],
    ['{{ 1 ) }}', /something follows/],
    ['{{ # }}', /cannot be read: #/],
    ['{{ lt 1 "a" }}', /cannot be compared/],
  ])('is refused with a sentence: %s', (source, message) => {
    const more = '{{ define "itself" }}{{ include "itself" . }}{{ end }}';
    expect(() => rendered(source, { none: null }, more)).toThrow(TemplateError);
    expect(() => rendered(source, { none: null }, more)).toThrow(message);
  });

  it('takes keys of any name for what they are', () => {
    const data = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}') as unknown;
    expect(rendered('{{ .__proto__.x }}{{ .constructor }}{{ toJson . }}', data)).toContain('12{"__proto__":{"x":1}');
  });
});
