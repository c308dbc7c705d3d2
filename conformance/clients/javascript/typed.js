// The typed client: create, read, replace, delete, every patch type, apply, lists, refusals, access.

import assert from 'node:assert/strict';
import * as k8s from '@kubernetes/client-node';
import { gone, kase, refusal, until } from './suite.js';

const as = (strategy) => k8s.setHeaderOptions('Content-Type', strategy);
const names = (list) => list.items.map((one) => one.metadata.name);

kase('versions_and_groups', async (site) => {
  assert.equal((await site.config.makeApiClient(k8s.VersionApi).getCode()).major, '1');
  const groups = (await site.config.makeApiClient(k8s.ApisApi).getAPIVersions()).groups.map((group) => group.name);
  for (const group of ['apps', 'batch', 'coordination.k8s.io', 'serving.knative.dev']) assert(groups.includes(group), group);
});

kase('typed_crud', async (site) => {
  const where = { name: 'a', namespace: site.namespace };
  const made = await site.configMap('a', { k: '1' }, { labels: { set: 'x' } });
  assert(made.metadata.creationTimestamp instanceof Date);
  const read = await site.core.readNamespacedConfigMap(where);
  assert.deepEqual(read, made);
  const replaced = await site.core.replaceNamespacedConfigMap({ ...where, body: { ...read, data: { k: '2' } } });
  assert.deepEqual(replaced.data, { k: '2' });
  const status = await refusal(site.core.replaceNamespacedConfigMap({ ...where, body: made }), 409, 'Conflict');
  assert.match(status.message, /the object has been modified/);
  const dry = await site.core.deleteNamespacedConfigMap({ ...where, dryRun: 'All' });
  assert.equal(dry.status, 'Success');
  assert.equal((await site.core.readNamespacedConfigMap(where)).metadata.uid, made.metadata.uid);
  const preconditions = { uid: '00000000-0000-0000-0000-000000000000' };
  await refusal(site.core.deleteNamespacedConfigMap({ ...where, body: { preconditions } }), 409, 'Conflict');
  assert.equal((await site.core.deleteNamespacedConfigMap(where)).details.uid, made.metadata.uid);
  await gone(() => site.core.readNamespacedConfigMap(where));
});

kase('typed_patches', async (site) => {
  await site.deployment('web', 0);
  const patch = (body, strategy) =>
    site.apps.patchNamespacedDeployment({ name: 'web', namespace: site.namespace, body }, as(strategy));
  const containers = (answer) => answer.spec.template.spec.containers.map((one) => `${one.name} ${one.image}`).sort();
  const template = (...list) => ({ spec: { template: { spec: { containers: list } } } });
  const other = { name: 'other', image: 'dev.local/other:1' };
  const both = await patch(template({ name: 'main', image: 'dev.local/web:2' }, other), k8s.PatchStrategy.StrategicMergePatch);
  assert.deepEqual(containers(both), ['main dev.local/web:2', 'other dev.local/other:1']);
  assert.deepEqual(containers(await patch(template(other), k8s.PatchStrategy.MergePatch)), ['other dev.local/other:1']);
  const steps = [{ op: 'test', path: '/spec/replicas', value: 0 }, { op: 'replace', path: '/spec/replicas', value: 2 }];
  assert.equal((await patch(steps, k8s.PatchStrategy.JsonPatch)).spec.replicas, 2);
  await refusal(patch(steps, k8s.PatchStrategy.JsonPatch), 422, 'Invalid');
  await refusal(patch([], 'application/x-patch'), 415, 'UnsupportedMediaType');
  const scale = { name: 'web', namespace: site.namespace, body: { spec: { replicas: 1 } } };
  assert.equal((await site.apps.patchNamespacedDeploymentScale(scale, as(k8s.PatchStrategy.MergePatch))).spec.replicas, 1);
  const read = () => site.apps.readNamespacedDeployment({ name: 'web', namespace: site.namespace });
  await until(read, (one) => one.status.observedGeneration === one.metadata.generation && one.status.readyReplicas === 1);
});

kase('typed_apply', async (site) => {
  const apply = (fieldManager, data, force) => site.core.patchNamespacedConfigMap({
    name: 'a', namespace: site.namespace, fieldManager, force,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data },
  }, as(k8s.PatchStrategy.ServerSideApply));
  const made = await apply('one', { k: '1', l: '1' });
  assert.deepEqual(made.metadata.managedFields.map((entry) => [entry.manager, entry.operation]), [['one', 'Apply']]);
  const status = await refusal(apply('two', { k: '2' }), 409, 'Conflict');
  assert.deepEqual(status.details.causes.map((cause) => cause.field), ['.data.k']);
  assert.deepEqual((await apply('two', { k: '2' }, true)).data, { k: '2', l: '1' });
  assert.deepEqual((await apply('one', {})).data, { k: '2' });
});

kase('pages_and_selectors', async (site) => {
  for (const number of [0, 1, 2, 3]) await site.configMap(`m-${number}`, {}, { labels: { half: String(number % 2) } });
  const list = (options) => site.core.listNamespacedConfigMap({ namespace: site.namespace, ...options });
  const first = await list({ limit: 2 });
  assert.deepEqual([names(first), first.metadata.remainingItemCount], [['kube-root-ca.crt', 'm-0'], 3]);
  await site.core.deleteNamespacedConfigMap({ name: 'm-2', namespace: site.namespace });
  const second = await list({ limit: 5, _continue: first.metadata._continue });
  assert.deepEqual(names(second), ['m-1', 'm-2', 'm-3']);
  assert.deepEqual(names(await list({ labelSelector: 'half in (0)' })), ['m-0']);
  assert.deepEqual(names(await list({ fieldSelector: 'metadata.name=m-3' })), ['m-3']);
  await refusal(list({ labelSelector: 'half in (' }), 400, 'BadRequest');
  await site.core.deleteCollectionNamespacedConfigMap({ namespace: site.namespace, labelSelector: 'half' });
  assert.deepEqual(names(await list({})), ['kube-root-ca.crt']);
});

kase('refusals_say_why', async (site) => {
  const missing = await refusal(site.core.readNamespacedPod({ name: 'none', namespace: site.namespace }), 404, 'NotFound');
  assert.equal(missing.message, 'pods "none" not found');
  const body = { metadata: { name: 'P' }, spec: { containers: [] } };
  const invalid = await refusal(site.core.createNamespacedPod({ namespace: site.namespace, body }), 422, 'Invalid');
  assert.deepEqual(invalid.details.causes.map((cause) => cause.field), ['metadata.name', 'spec.containers']);
  await site.configMap('a');
  await refusal(site.configMap('a'), 409, 'AlreadyExists');
});

kase('a_service_accounts_token', async (site) => {
  await site.core.createNamespacedServiceAccount({ namespace: site.namespace, body: { metadata: { name: 'reader' } } });
  const request = { name: 'reader', namespace: site.namespace, body: { spec: { audiences: [], expirationSeconds: 600 } } };
  const { token } = (await site.core.createNamespacedServiceAccountToken(request)).status;
  const cluster = site.config.getCurrentCluster();
  const config = new k8s.KubeConfig();
  config.loadFromClusterAndUser(cluster, { name: 'reader', token });
  const review = await config.makeApiClient(k8s.AuthenticationV1Api).createSelfSubjectReview({ body: {} });
  const user = `system:serviceaccount:${site.namespace}:reader`;
  assert.equal(review.status.userInfo.username, user);
  const status = await refusal(config.makeApiClient(k8s.CoreV1Api).listNode({}), 403, 'Forbidden');
  assert.equal(status.message,
    `nodes is forbidden: User "${user}" cannot list resource "nodes" in API group "" at the cluster scope`);
});
