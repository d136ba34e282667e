#!/usr/bin/env bash
# Builds the benchmarks' programs as released, then runs those named, or all. ./run bench calls it.
#
#     run.sh [--runs N] [--table] [submit] [turn] [pass] [latency] [memory]
#            [peers_queue] [kueue] [spark_submit] [replay]
#
# One line of JSON per figure goes to the standard output, progress to the standard error.
# --table also writes the figures into docs/performance.md (of replay: into docs/scheduling.md).
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
programs=(api_alone parse_json pass_times raw_lmdb submit_load turn_times)
labels=("${programs[@]/#///tests/bench:}")
bazel build --config=release --noshow_progress "${labels[@]}" >&2
built=$(bazel info --config=release bazel-bin 2>/dev/null)
mkdir -p bin/bench
for program in "${programs[@]}"; do
    install -m 755 "$built/tests/bench/$program" bin/bench/
done
exec python3 tests/bench/bench.py --programs bin "$@"
