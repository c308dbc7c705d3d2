// Logs and exec. On fake nodes a log is one line and exec says its command.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import * as k8s from '@kubernetes/client-node';
import { kase } from './suite.js';

kase('logs', async (site) => {
  await site.pod('one');
  const stream = new PassThrough();
  await new k8s.Log(site.config).log(site.namespace, 'one', 'main', stream, { follow: false });
  assert.notEqual((await text(stream)).trim(), '');
});

kase('exec_over_websocket', async (site) => {
  await site.pod('one');
  const [out, err] = [new PassThrough(), new PassThrough()];
  const said = text(out);
  const status = await new Promise((resolve, reject) => {
    new k8s.Exec(site.config).exec(site.namespace, 'one', 'main', ['echo', 'hello'], out, err, null, false, resolve).catch(reject);
  });
  out.end();
  assert.equal(status.status, 'Success');
  assert.match(await said, /hello/);
});
