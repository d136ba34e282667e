#!/usr/bin/env bash
# ./run parity [VERSION...]: the real spark-submit beside ours, object by object.
#
# Takes Spark from PyPI (pyspark, 400 MB each; kept in bin/spark) in the versions given, else the
# newest 3.5 and the newest 4. Needs Java 17 and python3-venv. Some minutes a version: each row starts a JVM, four at a time.
#
# Exit status: 0 no difference but those that are explained, 1 others, 2 it can't be tried here.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
programs=${NIGHTSHIFT_BIN:-$root/bin}
versions=("$@")
((${#versions[@]} > 0)) || versions=('3.5.*' '4.*')
status=0

refuse() {
    echo "parity: $*" >&2
    exit 2
}

# shellcheck source=tests/e2e/pyspark.sh
source "$root/tests/e2e/pyspark.sh"

command -v java >/dev/null || refuse "java is not installed: apt-get install openjdk-17-jre-headless"
for word in kubesim nightshiftd nightshift; do
    [[ -x $programs/$word ]] || refuse "$programs/$word is not built: ./run build"
done
for version in "${versions[@]}"; do
    home=$(pyspark_home "$version")
    python3 "$root/tests/e2e/spark_parity.py" "$programs/kubesim" "$programs/nightshiftd" \
        "$programs/nightshift" "$home" || status=1
done
exit "$status"
