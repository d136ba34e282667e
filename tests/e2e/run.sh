#!/usr/bin/env bash
# ./run e2e: a small night on a real cluster, the one that KUBECONFIG names.
#
# It makes a namespace with a random name and a quota that holds one of our pods, starts
# nightshiftd for that namespace alone, and has it run, queue, survive a SIGKILL and cancel plain
# pods. The namespace is deleted at the end, however that comes.
#
#   KUBECONFIG             needed; its user must be allowed to create namespaces
#   NIGHTSHIFT_E2E_IMAGE   a small image with `sh` and `sleep`
#   NIGHTSHIFT_E2E_SECONDS that a step may take (300): images may have to be pulled
#   NIGHTSHIFT_BIN         where the programs are (bin/)
#
# Exit status: 0 all held, 1 something did not, 2 it can't be tried here.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
programs=${NIGHTSHIFT_BIN:-$root/bin}
image=${NIGHTSHIFT_E2E_IMAGE:-registry.k8s.io/e2e-test-images/busybox:1.29-4}
patience_s=${NIGHTSHIFT_E2E_SECONDS:-300}

refuse() {
    echo "e2e: $*" >&2
    exit 2
}

[[ -n ${KUBECONFIG-} ]] || refuse "KUBECONFIG is not set: name the cluster to test against"
for word in kubectl timeout; do
    command -v "$word" >/dev/null || refuse "$word is not installed"
done
for word in nightshiftd nightshift; do
    [[ -x $programs/$word ]] || refuse "$programs/$word is not built: ./run build"
done
kubectl version --request-timeout=20s >/dev/null || refuse "the cluster does not answer"
[[ $(kubectl auth can-i create namespaces 2>/dev/null) == yes ]] ||
    refuse "KUBECONFIG's user may not create namespaces"

namespace=nightshift-e2e-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
folder=$(mktemp -d /tmp/nightshift-e2e.XXXXXX)
export NIGHTSHIFT_SERVER=unix:$folder/socket
daemon=

finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM
    if [[ -n $daemon ]]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    if ((status == 1)) && [[ -s $folder/log ]]; then
        echo "e2e: the last lines of nightshiftd:" >&2
        tail -n 40 "$folder/log" >&2
    fi
    echo "e2e: deleting namespace $namespace"
    if ! kubectl delete namespace "$namespace" --ignore-not-found --timeout=180s >/dev/null; then
        echo "e2e: namespace $namespace may be left" >&2
        ((status != 0)) || status=1
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

passed=0
pass() {
    passed=$((passed + 1))
    echo "e2e: ok: $*"
}

fail() {
    echo "e2e: FAILED: $*" >&2
    "$programs/nightshift" ls --all >&2 || true
    kubectl -n "$namespace" get pods >&2 || true
    exit 1
}

nightshift() {
    timeout "$patience_s" "$programs/nightshift" "$@"
}

# Asks until the command's output matches; $1 says what for.
eventually() {
    local what=$1 pattern=$2 said=
    local deadline=$((SECONDS + patience_s))
    shift 2
    while ((SECONDS < deadline)); do
        said=$("$@" 2>&1) || true
        [[ ! $said =~ $pattern ]] || return 0
        sleep 0.3
    done
    fail "$what: not in $patience_s s; the last answer: $said"
}

state_is() {
    eventually "job $1 is $2" "\"state\": ?\"$2\"" "$programs/nightshift" show "$1" -o json
}

start_daemon() {
    "$programs/nightshiftd" --config "$folder/nightshift.yaml" >>"$folder/log" 2>&1 &
    daemon=$!
    eventually "nightshiftd is ready" '^ready$' "$programs/nightshift" status -o name
}

# A job of one pod that holds half of the quota and some, for $2 seconds. Prints its id.
submit() {
    "$programs/nightshift" submit -o name - <<EOF
apiVersion: v1
kind: Pod
metadata:
  name: $1
  namespace: $namespace
  annotations:
    nightshift/retries: "0"
    kubesim/runtime: ${2}s   # a simulated cluster runs no programs
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: $image
      command: [sh, -c, "echo $1 started; sleep $2"]
      resources:
        requests: {cpu: 10m, memory: 16Mi}
        limits: {cpu: 100m, memory: 16Mi}
EOF
}

echo "e2e: namespace $namespace on $(kubectl config current-context)"
kubectl create namespace "$namespace" >/dev/null
kubectl create -f - >/dev/null <<EOF
apiVersion: v1
kind: ResourceQuota
metadata: {name: e2e, namespace: $namespace}
spec: {hard: {requests.cpu: 15m, requests.memory: 1Gi, pods: "5"}}
EOF
eventually "the quota counts" 15m \
    kubectl -n "$namespace" get resourcequota e2e -o 'jsonpath={.status.hard.requests\.cpu}'

cat >"$folder/nightshift.yaml" <<EOF
dataDir: $folder/data
listen: {unix: {path: $folder/socket}}
kubernetes: {namespaces: [$namespace]}
jobs: {defaultNamespace: $namespace}
EOF
start_daemon
pass "nightshiftd sees the cluster"

first=$(submit first 15) || fail "submit"
state_is "$first" RUNNING
pass "a pod runs"

second=$(submit second 600) || fail "submit"
eventually "the second waits for quota" '^Quota$' "$programs/nightshift" why "$second" -o name
echo "e2e:     $("$programs/nightshift" why "$second" | grep -m 1 requests.cpu)"
pass "one that does not fit the quota waits, and says why"

kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
start_daemon
nightshift wait "$first" >/dev/null || fail "job $first did not succeed"
nightshift show "$first" -o json | grep -Eq '"attempts": ?1\b' ||
    fail "job $first ran more than once"
pass "killed and started again, it knows its pod; the job succeeds at its first attempt"

nightshift logs "$first" | grep -q started || fail "the log of job $first"
pass "its log can be read"

state_is "$second" RUNNING
pass "the waiting one starts when the quota is free"

nightshift cancel "$second" >/dev/null || fail "cancel"
state_is "$second" CANCELLED
eventually "the cancelled pod is gone" '^$' kubectl -n "$namespace" get pods \
    -l "nightshift/job-id=$second" -o name
pass "cancelled, it ends, and its pod is gone"

echo "e2e: $passed passed, 0 failed"
