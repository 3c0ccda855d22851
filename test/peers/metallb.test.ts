import { expect, it } from 'vitest';
import { imagesIn } from './metallb.ts';

it("MetalLB's images are those that its manifest names", () => {
  const yaml = '        image: quay.io/metallb/controller:v1.2.3\n        image: quay.io/metallb/speaker:v1.2.3\n';
  expect(imagesIn(yaml)).toEqual([
    { ref: 'quay.io/metallb/controller:v1.2.3', program: 'controller' },
    { ref: 'quay.io/metallb/speaker:v1.2.3', program: 'speaker' },
  ]);
});
