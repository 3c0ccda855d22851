import { COLLECTION_FUNCTIONS } from './functions/collections.ts';
import { DOCUMENT_FUNCTIONS } from './functions/documents.ts';
import { NUMBER_FUNCTIONS } from './functions/numbers.ts';
import { TEXT_FUNCTIONS } from './functions/texts.ts';
import type { TemplateFunction } from './value.ts';

/** What Helm's templates can call (text/template, sprig, and Helm's own), as far as this chart does. Another one is refused by its name. */
export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map(
  Object.entries({ ...COLLECTION_FUNCTIONS, ...NUMBER_FUNCTIONS, ...TEXT_FUNCTIONS, ...DOCUMENT_FUNCTIONS }),
);
