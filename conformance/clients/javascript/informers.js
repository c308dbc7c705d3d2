// Watch and the informer on top of it: what comes, changes and goes; across the end of a watch and of the server.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as k8s from '@kubernetes/client-node';
import { kase, until } from './suite.js';

/** An informer of the ConfigMaps with the label set=x, and what it says. */
function follow(site) {
  const path = `/api/v1/namespaces/${site.namespace}/configmaps`;
  const list = () => site.core.listNamespacedConfigMap({ namespace: site.namespace, labelSelector: 'set=x' });
  const informer = k8s.makeInformer(site.config, path, list, 'set=x');
  const said = [];
  for (const verb of ['add', 'update', 'delete']) {
    informer.on(verb, (one) => said.push(`${verb} ${one.metadata.name}=${one.data.k}`));
  }
  informer.on('error', (error) => said.push(`error ${error.message}`));
  return { informer, said, hears: (count) => until(() => said, (all) => all.length >= count) };
}

const x = { labels: { set: 'x' } };
const patch = (site, name, body) => site.core.patchNamespacedConfigMap(
  { name, namespace: site.namespace, body }, k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch));

kase('informer', async (site) => {
  await site.configMap('a', { k: '1' }, x);
  const { informer, said, hears } = follow(site);
  await informer.start();
  await hears(1);
  await site.configMap('b', { k: '1' }, x);
  await hears(2);
  await patch(site, 'b', { data: { k: '2' } });
  await hears(3);
  await site.core.deleteNamespacedConfigMap({ name: 'a', namespace: site.namespace });
  await hears(4);
  // Leaving the selection is a deletion, coming back an addition.
  await patch(site, 'b', { metadata: { labels: { set: 'y' } } });
  await hears(5);
  await patch(site, 'b', { metadata: { labels: { set: 'x' } } });
  await hears(6);
  assert.deepEqual(said, ['add a=1', 'add b=1', 'update b=2', 'delete a=1', 'delete b=2', 'add b=2']);
  assert.deepEqual(informer.list().map((one) => one.metadata.name), ['b']);
  await informer.stop();
});

kase('informer_resumes', async (site) => {
  await site.configMap('a', { k: '1' }, x);
  const { informer, said, hears } = follow(site);
  await informer.start();
  await hears(1);
  await informer.stop();
  await sleep(100);
  said.length = 0; // Aborting its own request may count as an error.
  await patch(site, 'a', { data: { k: '2' } });
  await site.configMap('b', { k: '1' }, x);
  await patch(site, 'b', { data: { k: '2' } });
  // Started again it goes on from its last version: every step is heard, none twice.
  await informer.start();
  await hears(3);
  assert.deepEqual(said, ['update a=2', 'add b=1', 'update b=2']);
  await informer.stop();
});

kase('informer_across_a_restart', async (site) => {
  await site.configMap('a', { k: '1' }, x);
  await site.configMap('b', { k: '1' }, x);
  const { informer, said, hears } = follow(site);
  // What the client's documentation says to do.
  informer.on('error', () => setTimeout(() => informer.start(), 200));
  await informer.start();
  await hears(2);
  await site.restart();
  await site.core.deleteNamespacedConfigMap({ name: 'a', namespace: site.namespace });
  await patch(site, 'b', { data: { k: '2' } });
  await site.configMap('c', { k: '1' }, x);
  const names = () => informer.list().map((one) => `${one.metadata.name}=${one.data.k}`).sort().join();
  await until(names, (found) => found === 'b=2,c=1');
  const heard = said.filter((line) => !line.startsWith('error')).sort();
  assert.deepEqual(heard, ['add a=1', 'add b=1', 'add c=1', 'delete a=1', 'update b=2'].sort());
  await informer.stop();
}, { restarts: true });

kase('informer_of_pods', async (site) => {
  const path = `/api/v1/namespaces/${site.namespace}/pods`;
  const informer = k8s.makeInformer(site.config, path, () => site.core.listNamespacedPod({ namespace: site.namespace }));
  await informer.start();
  await site.deployment('web', 3);
  const ready = () => informer.list().filter((pod) => pod.status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'));
  await until(ready, (pods) => pods.length === 3);
  await site.apps.deleteNamespacedDeployment({ name: 'web', namespace: site.namespace });
  await until(() => informer.list(), (pods) => pods.length === 0);
  await informer.stop();
});

/** Everything that one watch says until it ends. */
function watched(site, query) {
  const events = [];
  const path = `/api/v1/namespaces/${site.namespace}/configmaps`;
  return new Promise((resolve, reject) => {
    new k8s.Watch(site.config)
      .watch(path, { timeoutSeconds: 1, ...query }, (type, object) => events.push([type, object]), (error) => (error ? reject(error) : resolve(events)))
      .catch(reject);
  });
}

kase('watch_with_bookmarks', async (site) => {
  await site.configMap('a');
  const query = { sendInitialEvents: true, allowWatchBookmarks: true, resourceVersionMatch: 'NotOlderThan' };
  const events = await watched(site, query);
  assert.deepEqual(events.slice(0, 3).map(([type, object]) => `${type} ${object.metadata.name ?? ''}`),
    ['ADDED a', 'ADDED kube-root-ca.crt', 'BOOKMARK ']);
  assert.equal(events[2][1].metadata.annotations['k8s.io/initial-events-end'], 'true');
});

kase('watch_that_is_too_old', async (site) => {
  const made = await site.configMap('a');
  await site.restart();
  const [[type, status], ...more] = await watched(site, { resourceVersion: made.metadata.resourceVersion });
  assert.deepEqual([type, status.code, status.reason, more], ['ERROR', 410, 'Expired', []]);
}, { restarts: true });
