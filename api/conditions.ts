import * as z from 'zod';

/** One thing that is said of an object (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties). */
export const conditionSchema = z.object({
  type: z.string().max(316).describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z.int().optional().describe('Generation of the spec that it is about.'),
  lastTransitionTime: z.iso.datetime({ offset: true }).describe('When its status last changed.'),
  reason: z.string().max(1024).describe('Why, in one word.'),
  message: z.string().max(32768).describe('Why, in sentences.'),
});

export type Condition = z.infer<typeof conditionSchema>;
