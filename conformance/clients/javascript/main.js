// The official JavaScript client against a running server: node main.js KUBECONFIG [--restart] [WORD...]
//
// One line a case and a count at the end; exits with 1 if a case failed. With words, only the cases whose names hold one of them.
// With --restart some cases ask for a restart of the server on standard output and wait for a line on standard input.

import { run } from './suite.js';
import './informers.js';
import './objects.js';
import './streams.js';
import './typed.js';

process.exit(await run(process.argv[2], process.argv.slice(3)));
