#!/usr/bin/env bash
# DeepPCB, verb by verb: examples/boards/run.sh DEEPPCB OUT. Steps that were done are not done again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?the DeepPCB folder}; out=${2:?a folder for the results}
export PATH="$(cd "$here/../.." && pwd)/.venv/bin:$PATH" OMP_WAIT_POLICY=PASSIVE
export BOXWRIGHT_STORE="$out/store"
mkdir -p "$out"
python "$here/from_deeppcb.py" "$data" "$out/coco"
boxwright ingest "$out/coco" --pictures "$data/PCBData" --name boards --spec "$here/spec.yaml"
code=0
boxwright turn dataset/boards --spec "$here/spec.yaml" --recipe "$here/recipe.yaml" --from-source \
    --pages "$out" --json > "$out/turn.json" || code=$?
[ "$code" -le 1 ] || exit "$code"
"$here/../leave.sh" boards "$out" "$here/spec.yaml"
boxwright predict candidate/boards "$out/coco/boards_test.json" --pictures "$data/PCBData" --all --out "$out/detections.json"
boxwright evaluate "$out/coco/boards_test.json" "$out/detections.json" --spec "$here/spec.yaml" --json > "$out/evaluation.json"
python "$here/../figures.py" "$out" "$out/coco/boards_test.json" "$out/detections.json"
exit "$code"
