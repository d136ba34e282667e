"""Repositories that let Debian's bazel-bootstrap 4.2.3 build C with no network.

Stock Bazel 4.2 downloads @rules_cc, @rules_java (to resolve toolchains) and
@remote_coverage_tools (for any test target). Debian ships none of them in a
version that fits, so bazel/compat/ holds the few lines that C needs of each.
Newer Bazels need the real ones and get nothing from here.
"""

def _needs_compat():
    # Debian builds 4.2.3 with the label "no_version": native.bazel_version is
    # then empty. Official binaries say "4.2.3".
    version = native.bazel_version
    return not version or version.startswith("4.")

def compat_repositories():
    if not _needs_compat():
        return
    native.local_repository(
        name = "rules_cc",
        path = "bazel/compat/rules_cc",
    )
    native.local_repository(
        name = "rules_java",
        path = "bazel/compat/rules_java",
    )
    native.local_repository(
        name = "remote_coverage_tools",
        path = "bazel/compat/coverage_tools",
    )
