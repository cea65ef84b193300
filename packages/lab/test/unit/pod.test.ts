import { expect } from 'chai';
import { imageOf } from '../../src/node/images.ts';

describe('an image', () => {
  it('is known by its name, whatever its tag', () => {
    for (const image of ['lab/echo', 'lab/echo:v1', 'lab/echo@sha256:00', 'lab/echo:v1@sha256:00'])
      expect(imageOf(image), image).not.to.equal(undefined);
    for (const image of ['nginx', 'lab/echoes', 'x:5000/lab/echo', undefined]) expect(imageOf(image), image).to.equal(undefined);
  });
});
