import { describe, expect, it } from 'vitest';
import { defaultSettings } from '../testing/settings.ts';
import { policyOf } from './policy.ts';

describe('the policy of the settings', () => {
  it('has what the user asked for', () => {
    const settings = defaultSettings();
    settings.vrrp.failbackDelaySeconds = 30;
    settings.lastResort = { enabled: true, afterSeconds: 7 };
    expect(policyOf(settings)).toMatchObject({
      noPreempt: false,
      failbackDelaySeconds: 30,
      lastResort: { enabled: true, afterSeconds: 7 },
    });
    settings.vrrp.noPreempt = true;
    expect(policyOf(settings).noPreempt).toBe(true);
  });

  it.each([
    ['a second for VRRP where advertisements are frequent', 0.1, 5 + 2 * 2 + 1],
    ['four advertisements where they are rare', 2, 5 + 2 * 2 + 8],
  ])(
    'gives all nodes an interval and two time-outs of the API check to notice an outage, and %s',
    (_what, advertIntervalSeconds, expected) => {
      const settings = defaultSettings();
      settings.vrrp.advertIntervalSeconds = advertIntervalSeconds;
      settings.checks.kubeApi = { ...settings.checks.kubeApi, intervalSeconds: 5, timeoutSeconds: 2 };
      expect(policyOf(settings).kubeApiSettleSeconds).toBe(expected);
    },
  );
});
