/** So many answers are kept at most. More are forgotten together: whoever has more questions asks them in turn, and each would miss. */
const MOST = 200_000;

/**
 * A function of a text with the answers that it gave: for pure functions that are asked the same thousands of questions again and again.
 * @param answer pure
 * @param most answers that are kept
 */
export function withAnswers<T>(answer: (question: string) => T, most = MOST): (question: string) => T {
  const known = new Map<string, { readonly answer: T }>();
  return (question) => {
    const present = known.get(question);
    if (present !== undefined) return present.answer;
    if (known.size >= most) known.clear();
    const made = { answer: answer(question) };
    known.set(question, made);
    return made.answer;
  };
}

/**
 * The same of an object, for as long as the object lives. It must not change meanwhile.
 * @param answer pure
 */
export function withAnswersOf<Q extends object, T>(answer: (question: Q) => T): (question: Q) => T {
  const known = new WeakMap<Q, { readonly answer: T }>();
  return (question) => {
    const present = known.get(question);
    if (present !== undefined) return present.answer;
    const made = { answer: answer(question) };
    known.set(question, made);
    return made.answer;
  };
}
