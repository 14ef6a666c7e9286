import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runBench } from './bench.js';

test('measures both write paths, and group commit loses nothing', async () => {
  const { cases, ratio } = await runBench({ rounds: 1, peerKills: 50, oursKills: 1000 });
  assert.equal(cases.ours.experienceLost, 0);
  assert.equal(cases.ours.kills, 2000);
  assert.ok(cases.peer.perSecond.median > 0);
  assert.ok(Number.isFinite(ratio) && ratio > 0);
});
