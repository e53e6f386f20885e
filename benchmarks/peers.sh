#!/bin/sh
# The peers that Boxwright's evaluation is measured against, in a virtual environment of their own: build/peers.
#
#     benchmarks/peers.sh
#     python benchmarks/coco_files.py build/coco_val
#     python benchmarks/evaluation.py build/coco_val --peers build/peers/bin/python
set -eu
cd "$(dirname "$0")/.."
test -x build/peers/bin/python || "${PYTHON:-python3}" -m venv build/peers
build/peers/bin/python -m pip install --quiet \
    "hotcoco==1.3.0" "ultrafast-pycocotools==0.1.14" "pycocotools==2.0.11" "tidecv==1.0.1" "numpy>=2"
build/peers/bin/python -m pip list 2>/dev/null | grep -E "hotcoco|pycocotools|tidecv|^numpy"
