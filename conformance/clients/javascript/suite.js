// Cases by name, each in a namespace of its own, and what they have in common.

import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import * as k8s from '@kubernetes/client-node';

const PATIENCE_MS = 60_000; // Until something that takes a moment counts as not happening.
const RESTART = 'restart the server, then press Enter';
const cases = [];
let answers;

/** Makes a function a case. One that restarts the server says so: it runs only with --restart. */
export function kase(name, body, { restarts = false } = {}) {
  cases.push({ name, body, restarts });
}

/** Where a case works: a namespace that only it knows, and an admin's connection. */
export class Site {
  constructor(config, namespace) {
    this.config = config;
    this.namespace = namespace;
    this.core = config.makeApiClient(k8s.CoreV1Api);
    this.apps = config.makeApiClient(k8s.AppsV1Api);
    this.objects = k8s.KubernetesObjectApi.makeApiClient(config);
  }

  configMap(name, data = { k: '1' }, metadata = {}) {
    return this.core.createNamespacedConfigMap({ namespace: this.namespace, body: { metadata: { name, ...metadata }, data } });
  }

  deployment(name, replicas = 1) {
    const template = {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'dev.local/web:1' }] },
    };
    const body = { metadata: { name }, spec: { replicas, selector: { matchLabels: { app: name } }, template } };
    return this.apps.createNamespacedDeployment({ namespace: this.namespace, body });
  }

  async pod(name) {
    const body = { metadata: { name }, spec: { containers: [{ name: 'main', image: 'dev.local/web:1' }] } };
    await this.core.createNamespacedPod({ namespace: this.namespace, body });
    return until(() => this.core.readNamespacedPod({ name, namespace: this.namespace }), (pod) => pod.status.phase === 'Running');
  }

  /** Asks whoever runs this to restart the server, and waits until that has happened. */
  async restart() {
    console.log(RESTART);
    const { done } = await answers.next();
    assert(!done, 'nobody answers');
  }
}

/** Reads until the test holds, and gives what was read. */
export async function until(read, test) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await read();
    if (test(found)) return found;
    assert(Date.now() < deadline, `not as wanted after ${PATIENCE_MS} ms: ${JSON.stringify(found)}`);
    await sleep(50);
  }
}

/** The Status of a call that must be refused. */
export async function refusal(call, code, reason) {
  const status = await call.then(
    (answer) => assert.fail(`not refused: ${JSON.stringify(answer)}`),
    (error) => {
      if (!(error instanceof k8s.ApiException)) throw error;
      assert.equal(error.code, code);
      return typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
    },
  );
  assert.deepEqual([status.kind, status.status, status.code, status.reason], ['Status', 'Failure', code, reason]);
  return status;
}

/** Waits until a read answers 404. */
export function gone(read) {
  const absent = () => read().then(() => false, (error) => {
    if (error.code !== 404) throw error;
    return true;
  });
  return until(absent, Boolean);
}

/** Runs the cases and says how many failed. */
export async function run(kubeconfig, options) {
  const words = options.filter((option) => !option.startsWith('--'));
  const restarts = options.includes('--restart');
  if (restarts) answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const config = new k8s.KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(k8s.CoreV1Api);
  const chosen = cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  let [held, tried] = [0, 0];
  for (const { name, body, restarts: needed } of chosen) {
    if (needed && !restarts) {
      console.log(`SKIPPED ${name}: needs --restart`);
      continue;
    }
    tried += 1;
    const namespace = `javascript-${name.replaceAll('_', '-')}`;
    await core.createNamespace({ body: { metadata: { name: namespace } } });
    try {
      await body(new Site(config, namespace));
      held += 1;
      console.log(`ok ${name}`);
    } catch (error) {
      const place = /\/suite\/(?!suite)([a-z]+\.js:\d+)/.exec(error.stack)?.[1];
      console.log(`FAIL ${name}: ${String(error.message ?? error).replaceAll('\n', ' ')} (${place})`);
    }
    await core.deleteNamespace({ name: namespace });
  }
  console.log(`javascript: ${held} of ${tried} cases hold`);
  return held === tried && tried > 0 ? 0 : 1;
}
