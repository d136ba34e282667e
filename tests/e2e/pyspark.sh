# shellcheck shell=bash disable=SC2154
# Sourced, with $root and refuse(): pyspark_home VERSION puts PyPI's pyspark of that version (400 MB; "3.5.*" is the newest
# 3.5) into bin/spark, unless it is there, and prints its folder, which is a SPARK_HOME.

pyspark_home() {
    local version=$1 folder=$root/bin/spark/${1//[^0-9.]/x}
    if [[ ! -x $folder/bin/python3 ]]; then
        python3 -m venv "$folder" || refuse "python3-venv is not installed"
    fi
    "$folder/bin/pip" install --quiet --disable-pip-version-check "pyspark==$version" ||
        refuse "PyPI has no pyspark $version"
    "$folder/bin/python3" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))'
}
