/**
 * Of the round-robin policy, for what must not wait for its turn on this machine as it would not on one of its own. keepalived has 50, and so
 * goes first.
 */
export const REAL_TIME_PRIORITY = 10;
