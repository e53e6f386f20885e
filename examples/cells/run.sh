#!/usr/bin/env bash
# BCCD, verb by verb: examples/cells/run.sh BCCD OUT. Steps that were done are not done again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?the BCCD folder}; out=${2:?a folder for the results}
export PATH="$(cd "$here/../.." && pwd)/.venv/bin:$PATH" OMP_WAIT_POLICY=PASSIVE
export BOXWRIGHT_STORE="$out/store"
mkdir -p "$out"
python "$here/blocks.py" "$data" "$out/blocks.csv"
boxwright ingest "$data" --name cells --spec "$here/spec.yaml" --conditions "$out/blocks.csv"
code=0
boxwright turn dataset/cells --spec "$here/spec.yaml" --recipe "$here/recipe.yaml" \
    --pages "$out" --json > "$out/turn.json" || code=$?
[ "$code" -le 1 ] || exit "$code"
"$here/../leave.sh" cells "$out" "$here/spec.yaml"
python "$here/../figures.py" "$out"
exit "$code"
