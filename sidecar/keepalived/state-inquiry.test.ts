import { describe, expect, it, vi } from 'vitest';
import { StateInquiry } from './state-inquiry.ts';

function create(request = vi.fn(async () => undefined)) {
  let nowMs = 5000;
  const onError = vi.fn();
  const clock = { monotonicMs: () => nowMs, wallMs: () => 0 };
  const inquiry = new StateInquiry({ request, onError, clock });
  return { inquiry, request, onError, pass: (ms: number) => (nowMs += ms) };
}

describe('the inquiry', () => {
  it('asks at once and then every other second at most, however often there is a reason', () => {
    const { inquiry, request, pass } = create();
    inquiry.ask();
    inquiry.ask();
    pass(1999);
    inquiry.ask();
    expect(request).toHaveBeenCalledOnce();
    pass(1);
    inquiry.ask();
    expect(request).toHaveBeenCalledTimes(2);
  });

  it('takes no states for news that were told before it asked, and none that keepalived does not have', () => {
    const { inquiry } = create();
    const instances = [
      { name: 'vip', state: 'MASTER' },
      { name: 'a-0', state: 'INIT' },
    ];
    expect(inquiry.answered({ instances })).toEqual(new Map());
    inquiry.ask();
    expect(inquiry.answered({ instances })).toEqual(new Map([['vip', 'MASTER']]));
  });

  it('tells when it cannot ask', async () => {
    const error = new Error('full');
    const { inquiry, onError } = create(vi.fn(async () => Promise.reject(error)));
    inquiry.ask();
    await vi.waitFor(() => expect(onError).toHaveBeenCalledWith(error));
  });
});
