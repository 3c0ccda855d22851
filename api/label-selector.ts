import * as z from 'zod';
import { boundedText, ruled } from './rules.ts';

/*
 * Parts of label selectors (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors).
 */

const labelRequirementSchema = ruled(
  z.object({
    key: boundedText(316).min(1).describe('Key of the label.'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the values are compared.'),
    values: z.array(boundedText(63)).max(64).optional().describe('Values, for In and NotIn.'),
  }),
  {
    test: ({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') === values.length > 0,
    cel: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
    sentence: 'In and NotIn need values; Exists and DoesNotExist have none',
  },
).describe('A requirement on one label.');

/** `matchLabels`. */
export const labelValuesSchema = z.record(z.string(), boundedText(63)).meta({ maxProperties: 64 });

/** `matchExpressions`. */
export const labelExpressionsSchema = z.array(labelRequirementSchema).max(32);
