// KubernetesObjectApi, which finds paths through discovery, on built-in kinds, a definition and its custom resources, and Knative.

import assert from 'node:assert/strict';
import * as k8s from '@kubernetes/client-node';
import { gone, kase, refusal, until } from './suite.js';

const GROUP = 'javascript.skiff.dev';

// As this client spells a definition: with `_default` for what is `default` on the wire, and the like.
function boats() {
  const spec = {
    type: 'object', required: ['oars'],
    properties: { oars: { type: 'integer' }, sail: { type: 'string', _default: 'none' } },
    x_kubernetes_validations: [{ rule: 'self.oars % 2 == 0', message: 'oars come in pairs' }],
  };
  const status = { type: 'object', properties: { afloat: { type: 'boolean' } } };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec, status } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `boats.${GROUP}` },
    spec: {
      group: GROUP, scope: 'Namespaced', names: { plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' },
      versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }],
    },
  };
}

const boat = (site, name, spec) =>
  ({ apiVersion: `${GROUP}/v1`, kind: 'Boat', metadata: { name, namespace: site.namespace }, spec });

kase('objects_of_built_in_kinds', async (site) => {
  const spec = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: site.namespace }, data: { k: '1' } };
  const made = await site.objects.create(spec);
  assert.equal((await site.objects.read(spec)).metadata.uid, made.metadata.uid);
  const patched = await site.objects.patch({ ...spec, data: { k: '2' } });
  assert.deepEqual(patched.data, { k: '2' });
  const merged = await site.objects.patch(
    { ...spec, data: { l: '3' } }, undefined, undefined, undefined, undefined, k8s.PatchStrategy.MergePatch);
  assert.deepEqual(merged.data, { k: '2', l: '3' });
  const replaced = await site.objects.replace({ ...merged, data: {} });
  assert.equal(replaced.data?.k, undefined);
  const listed = await site.objects.list('v1', 'ConfigMap', site.namespace);
  assert.deepEqual(listed.items.map((one) => one.metadata.name), ['a', 'kube-root-ca.crt']);
  const applied = await site.objects.patch(
    { ...spec, data: { k: '4' } }, undefined, undefined, 'one', true, k8s.PatchStrategy.ServerSideApply);
  assert(applied.metadata.managedFields.some((entry) => entry.manager === 'one' && entry.operation === 'Apply'));
  assert.equal((await site.objects.delete(spec)).status, 'Success');
  await refusal(site.objects.read(spec), 404, 'NotFound');
});

kase('custom_resources', async (site) => {
  const definition = boats();
  await site.objects.create(definition);
  try {
    const conditions = async () => (await site.objects.read(definition)).status?.conditions ?? [];
    await until(conditions, (all) => all.some((one) => one.type === 'Established' && one.status === 'True'));
    const made = await site.objects.create(boat(site, 'a', { oars: 2, colour: 'red' }));
    assert.deepEqual(made.spec, { oars: 2, sail: 'none' });
    const odd = await refusal(site.objects.create(boat(site, 'b', { oars: 3 })), 422, 'Invalid');
    assert.match(odd.message, /oars come in pairs/);
    const custom = site.config.makeApiClient(k8s.CustomObjectsApi);
    const where = { group: GROUP, version: 'v1', namespace: site.namespace, plural: 'boats', name: 'a' };
    const merge = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);
    const body = { status: { afloat: true }, spec: { oars: 8 } };
    const patched = await custom.patchNamespacedCustomObjectStatus({ ...where, body }, merge);
    assert.deepEqual([patched.spec.oars, patched.status.afloat], [2, true]);
    const apply = (manager, spec) => site.objects.patch(
      boat(site, 'a', spec), undefined, undefined, manager, false, k8s.PatchStrategy.ServerSideApply);
    await refusal(apply('two', { oars: 4 }), 409, 'Conflict');
    assert.equal((await apply('two', { oars: 2, sail: 'red' }).catch((error) => error)).code, 409);
    await refusal(site.objects.patch(boat(site, 'a', { oars: 4 })), 415, 'UnsupportedMediaType');
    assert.equal((await custom.listNamespacedCustomObject(where)).items.length, 1);
    await site.objects.delete(boat(site, 'a'));
    await refusal(site.objects.read(boat(site, 'a')), 404, 'NotFound');
  } finally {
    await site.objects.delete(definition);
  }
  await gone(() => site.objects.read(definition));
});

kase('knative_objects', async (site) => {
  const template = (image) => ({ spec: { template: { spec: { containers: [{ image }] } } } });
  const header = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name: 'hello', namespace: site.namespace } };
  await site.objects.create({ ...header, ...template('dev.local/web:1') });
  const ready = (one) => one.status?.observedGeneration === one.metadata.generation
    && one.status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  await until(() => site.objects.read(header), ready);
  await site.objects.patch(
    { ...header, ...template('dev.local/web:2') }, undefined, undefined, undefined, undefined, k8s.PatchStrategy.MergePatch);
  const second = await until(() => site.objects.read(header), ready);
  assert.equal(second.status.latestReadyRevisionName, 'hello-00002');
  await site.objects.delete(header);
  const revisions = () => site.objects.list('serving.knative.dev/v1', 'Revision', site.namespace);
  await until(revisions, (list) => list.items.length === 0);
});
