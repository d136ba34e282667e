#!/usr/bin/env bash
# ./run parity [VERSION...]: the real spark-submit beside ours, object by object.
#
# Takes Spark from PyPI (pyspark, 400 MB each; kept in bin/spark) in the versions given, else the
# newest 3.5 and the newest 4. Needs Java 17 and python3-venv. Some minutes a version: each row starts a JVM.
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

command -v java >/dev/null || refuse "java is not installed: apt-get install openjdk-17-jre-headless"
for word in kubesim nightshiftd nightshift; do
    [[ -x $programs/$word ]] || refuse "$programs/$word is not built: ./run build"
done
for version in "${versions[@]}"; do
    folder=$root/bin/spark/${version//[^0-9.]/x}
    if [[ ! -x $folder/bin/python3 ]]; then
        python3 -m venv "$folder" || refuse "python3-venv is not installed"
    fi
    "$folder/bin/pip" install --quiet "pyspark==$version" || refuse "PyPI has no pyspark $version"
    home=$("$folder/bin/python3" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
    python3 "$root/tests/e2e/spark_parity.py" "$programs/kubesim" "$programs/nightshiftd" \
        "$programs/nightshift" "$home" || status=1
done
exit "$status"
