import { ApiException } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { isUndeclared } from './api-error.ts';

const OF = 'failed to create typed patch object (/a; keepalived-ingress-vip.io/v1alpha1, Kind=NodePlan)';
const OLDER = `${OF}: .spec.spares: field not declared in schema`;

/** A Status of the API server, as the client library gives it. */
function refusal(code: number, message: string): ApiException<string> {
  return new ApiException(code, 'refused', JSON.stringify({ kind: 'Status', status: 'Failure', message, code }), {});
}

describe('a field that the definition does not have', () => {
  it.each<[string, unknown]>([
    ['alone', refusal(500, OLDER)],
    [
      'beside another',
      refusal(
        500,
        `${OF}: errors:\n  .spec.x: field not declared in schema\n  .spec.spares: field not declared in schema`,
      ),
    ],
    ['with another status, as it should have had', refusal(400, OLDER)],
  ])('is known by what the API server says, %s', (_, error) => {
    expect(isUndeclared(error, '.spec.spares')).toBe(true);
  });

  it('is known of any item of a list', () => {
    const refused = refusal(500, OLDER.replace('.spec.spares', '.spec.loopback[12].elected'));
    expect(isUndeclared(refused, '.spec.loopback[].elected')).toBe(true);
    expect(isUndeclared(refused, '.spec.loopback')).toBe(false);
  });

  it.each<[string, unknown]>([
    ['another field', refusal(500, OLDER.replace('spares', 'loopback'))],
    ['a field of that name elsewhere', refusal(500, OLDER.replace('.spec', '.spec.pools[0].spec'))],
    ['another failure', refusal(500, 'etcdserver: request timed out')],
    ['a refusal for what is in it', refusal(422, 'NodePlan is invalid: spec.spares[0].like: Invalid value')],
    ['an answer that is no JSON', new ApiException(500, 'refused', 'oops', {})],
    ['no answer', new Error('connect ECONNREFUSED')],
    ['nothing', undefined],
  ])('is not taken from %s', (_, error) => {
    expect(isUndeclared(error, '.spec.spares')).toBe(false);
  });
});
