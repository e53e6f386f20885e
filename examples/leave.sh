#!/usr/bin/env bash
# Leave a turn's candidate, report and verdict as plain folders: leave.sh NAME OUT SPEC (the store is $BOXWRIGHT_STORE).
set -euo pipefail
name=$1; out=$2
for kind in candidate report verdict; do
    target=$([ "$kind" = candidate ] && echo bundle || echo "$kind")
    digest=$(boxwright show "$kind/$name" --json | python -c 'import json,sys; print(json.load(sys.stdin)["digest"])')
    folder=$([ "$kind" = candidate ] && echo bundle || echo "$kind")
    rm -rf "${out:?}/$target.new"
    cp -r "$BOXWRIGHT_STORE/artifacts/$folder/$digest" "$out/$target.new"
    rm -rf "${out:?}/$target"
    mv "$out/$target.new" "$out/$target"
done
