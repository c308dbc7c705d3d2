"""The official Python client against a running server: python conformance/clients/python KUBECONFIG [--restart] [WORD...]

One line a case and a count at the end; exits with 1 if a case failed. With words, only the cases whose names hold one of them.
With --restart some cases ask for a restart of the server on standard output and wait for a line on standard input.
"""

import sys

sys.dont_write_bytecode = True  # The source tree stays as it was.

import suite  # noqa: E402
import dynamic_client  # noqa: E402,F401
import elections  # noqa: E402,F401
import knative  # noqa: E402,F401
import lists  # noqa: E402,F401
import streams  # noqa: E402,F401
import typed  # noqa: E402,F401
import watches  # noqa: E402,F401

sys.exit(suite.run(sys.argv[1], sys.argv[2:]))
