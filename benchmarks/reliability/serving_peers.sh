#!/bin/sh
# LitServe and FastAPI in build/serving_peers, a folder that only the peers' processes import from; the project's environment stays as it is.
#
#     benchmarks/reliability/serving_peers.sh
#     python -m benchmarks.reliability.cpu_per_request
set -eu
cd "$(dirname "$0")/../.."
"${PYTHON:-python3}" -m pip install --quiet --target build/serving_peers "litserve==0.2.19" "fastapi==0.165.0"
