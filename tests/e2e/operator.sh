#!/usr/bin/env bash
# ./run e2e-operator --operator PROGRAM [VERSION]: a real Spark operator carries out what nightshiftd
# hands to it.
#
# PROGRAM is the spark-operator of kubeflow/spark-operator, version 2 (in its image it is
# /usr/bin/spark-operator). kubesim runs it as a pod, and drivers and executors as well; Spark is that of
# PyPI (pyspark, 400 MB; kept in bin/spark) in the version given, else the newest 4. Needs Java 17,
# python3-venv and namespaces (root, or a kernel that gives users some).
#
# Exit status: 0 all held, 1 something did not, 2 it can't be tried here.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
programs=${NIGHTSHIFT_BIN:-$root/bin}
operator=
version='4.*'
options=()

refuse() {
    echo "e2e-operator: $*" >&2
    exit 2
}

# shellcheck source=tests/e2e/pyspark.sh
source "$root/tests/e2e/pyspark.sh"

while (($# > 0)); do
    case $1 in
    --operator)
        operator=${2-}
        shift 2 || refuse "--operator needs the path of a spark-operator"
        ;;
    --only=*)
        options+=("$1")
        shift
        ;;
    *)
        version=$1
        shift
        ;;
    esac
done
[[ -n $operator ]] || refuse "name the operator's program: --operator PATH"
[[ -x $operator ]] || refuse "$operator is no program"
command -v java >/dev/null || refuse "java is not installed: apt-get install openjdk-17-jre-headless"
for word in kubesim nightshiftd nightshift; do
    [[ -x $programs/$word ]] || refuse "$programs/$word is not built: ./run build"
done
home=$(pyspark_home "$version")
exec python3 "$root/tests/e2e/operator_e2e.py" "$programs/kubesim" "$programs/nightshiftd" \
    "$programs/nightshift" "$operator" "$home" "${options[@]}"
