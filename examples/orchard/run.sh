#!/usr/bin/env bash
# What the published split of AppleBBCH81 hides: examples/orchard/run.sh APPLEBBCH81 OUT.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?the AppleBBCH81 folder}; out=${2:?a folder for the results}
export PATH="$(cd "$here/../.." && pwd)/.venv/bin:$PATH" OMP_WAIT_POLICY=PASSIVE
mkdir -p "$out"
boxwright split audit "$data" --splits "$data/sets" --page "$out/leaks.html" --json > "$out/leaks.json" || [ $? -eq 1 ]
python "$here/crossover.py" "$data" "$out"
for half in one two; do
    export BOXWRIGHT_STORE="$out/$half/store"
    mkdir -p "$out/$half/coco" && cp "$out/$half"/apples_*.json "$out/$half/coco"
    boxwright ingest "$out/$half/coco" --pictures "$data/data/images" --name apples --spec "$here/spec.yaml"
    boxwright split dataset/apples --spec "$here/spec.yaml" --from-source
    boxwright train dataset/apples split/apples --spec "$here/spec.yaml" --recipe "$here/recipe.yaml"
    boxwright export checkpoint/apples dataset/apples split/apples --spec "$here/spec.yaml"
    boxwright predict bundle/apples "$out/truth.json" --pictures "$data/data/images" --all --out "$out/$half/detections.json"
done
python "$here/crossover.py" sort-out "$out"
boxwright compare "$out/clean.json" "$out/leaky.json" --truth "$out/truth.json" --groups "$out/photos.csv" \
    --pictures "$data/data/images" --page "$out/comparison.html" --score-threshold 0.3 | tee "$out/comparison.txt"
