#!/usr/bin/env bash
# ./run e2e-spark [VERSION...]: a real Spark, driver and executors, through nightshiftd.
#
# kubesim runs the pods as processes of this machine; the image is Spark from PyPI (pyspark, 400 MB
# each; kept in bin/spark) in the versions given, else the newest 3.5 and the newest 4. Needs Java 17,
# python3-venv and namespaces (root, or a kernel that gives users some). All rows with each version, and
# a summary at the end.
#
# Exit status: 0 all held, 1 something did not, 2 it can't be tried here.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
programs=${NIGHTSHIFT_BIN:-$root/bin}
versions=("$@")
((${#versions[@]} > 0)) || versions=('3.5.*' '4.*')
homes=()

refuse() {
    echo "e2e-spark: $*" >&2
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
    homes+=("$home")
done
exec python3 "$root/tests/e2e/spark_e2e.py" "$programs/kubesim" "$programs/nightshiftd" \
    "$programs/nightshift" "${homes[@]}"
