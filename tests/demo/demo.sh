#!/usr/bin/env bash
# ./run demo: ten Spark applications and a quota that holds three of them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
if [[ " $* " == *" --without-queue "* ]]; then
    (cd "$root" && bazel build --config=release --noshow_progress --ui_event_filters=-info \
        //tests/demo:driver_objects)
    NIGHTSHIFT_DRIVER_OBJECTS=$(cd "$root" &&
        bazel info --config=release bazel-bin 2>/dev/null)/tests/demo/driver_objects
    export NIGHTSHIFT_DRIVER_OBJECTS
fi
exec python3 "$root/tests/demo/demo.py" "$@"
